"""The SQLite triggers that keep the lists of posts and their counts up to date.

SQLite has a single writer, so the triggers can update the tables after each statement.
"""

from sqlalchemy import bindparam, text

from blog.models.base import UTCTime

FILL_ENTRIES = text("""
    INSERT INTO shelf_post (shelf, publish_at, post_id, withdraw_at, language, month)
    SELECT shelf, publish_at, post_id, withdraw_at, language, substr(publish_at, 1, 7)
    FROM shelf_wanted
""")
CREATE_TRIGGERS = (
    text("""
        CREATE TRIGGER shelf_added AFTER INSERT ON shelf_post WHEN NEW.withdraw_at IS NULL BEGIN
            INSERT INTO shelf_number (shelf, month, posts)
            VALUES (NEW.shelf, '', 1), (NEW.shelf, NEW.month, 1)
            ON CONFLICT (shelf, month) DO UPDATE SET posts = posts + 1;
        END
    """),
    text("""
        CREATE TRIGGER shelf_taken AFTER DELETE ON shelf_post WHEN OLD.withdraw_at IS NULL BEGIN
            UPDATE shelf_number SET posts = posts - 1
            WHERE shelf = OLD.shelf AND month IN ('', OLD.month);
        END
    """),
    # An INSERT into this view computes the entries of a post again: SQLite has no procedures.
    text("CREATE VIEW shelf_anew AS SELECT id AS post_id FROM post"),
    text("""
        CREATE TRIGGER shelf_put INSTEAD OF INSERT ON shelf_anew BEGIN
            DELETE FROM shelf_post WHERE post_id = NEW.post_id;
            INSERT INTO shelf_post (shelf, publish_at, post_id, withdraw_at, language, month)
            SELECT shelf, publish_at, post_id, withdraw_at, language, substr(publish_at, 1, 7)
            FROM shelf_wanted WHERE post_id = NEW.post_id;
        END
    """),
    # The entries of a post depend on rows of four tables.
    text("""
        CREATE TRIGGER shelf_post_added AFTER INSERT ON post
        WHEN NEW.live_revision_id IS NOT NULL BEGIN
            INSERT INTO shelf_anew VALUES (NEW.id);
        END
    """),
    text("""
        CREATE TRIGGER shelf_post_changed
        AFTER UPDATE OF kind, live_revision_id, publish_at, withdraw_at, trashed_at ON post BEGIN
            INSERT INTO shelf_anew VALUES (NEW.id);
        END
    """),
    text("""
        CREATE TRIGGER shelf_post_deleted AFTER DELETE ON post BEGIN
            DELETE FROM shelf_post WHERE post_id = OLD.id;
        END
    """),
    text("""
        CREATE TRIGGER shelf_revision_changed AFTER UPDATE OF is_listed, language ON revision BEGIN
            INSERT INTO shelf_anew SELECT id FROM post WHERE live_revision_id = NEW.id;
        END
    """),
    text("""
        CREATE TRIGGER shelf_tag_added AFTER INSERT ON revision_tag BEGIN
            INSERT INTO shelf_anew SELECT id FROM post WHERE live_revision_id = NEW.revision_id;
        END
    """),
    text("""
        CREATE TRIGGER shelf_tag_changed AFTER UPDATE OF revision_id, tag_id ON revision_tag BEGIN
            INSERT INTO shelf_anew
            SELECT id FROM post WHERE live_revision_id IN (OLD.revision_id, NEW.revision_id);
        END
    """),
    text("""
        CREATE TRIGGER shelf_tag_deleted AFTER DELETE ON revision_tag BEGIN
            INSERT INTO shelf_anew SELECT id FROM post WHERE live_revision_id = OLD.revision_id;
        END
    """),
    text("""
        CREATE TRIGGER shelf_author_added AFTER INSERT ON revision_author BEGIN
            INSERT INTO shelf_anew SELECT id FROM post WHERE live_revision_id = NEW.revision_id;
        END
    """),
    text("""
        CREATE TRIGGER shelf_author_changed
        AFTER UPDATE OF revision_id, user_id ON revision_author BEGIN
            INSERT INTO shelf_anew
            SELECT id FROM post WHERE live_revision_id IN (OLD.revision_id, NEW.revision_id);
        END
    """),
    text("""
        CREATE TRIGGER shelf_author_deleted AFTER DELETE ON revision_author BEGIN
            INSERT INTO shelf_anew SELECT id FROM post WHERE live_revision_id = OLD.revision_id;
        END
    """),
)
DROP = (
    text("DROP TRIGGER IF EXISTS shelf_post_added"),
    text("DROP TRIGGER IF EXISTS shelf_post_changed"),
    text("DROP TRIGGER IF EXISTS shelf_post_deleted"),
    text("DROP TRIGGER IF EXISTS shelf_revision_changed"),
    text("DROP TRIGGER IF EXISTS shelf_tag_added"),
    text("DROP TRIGGER IF EXISTS shelf_tag_changed"),
    text("DROP TRIGGER IF EXISTS shelf_tag_deleted"),
    text("DROP TRIGGER IF EXISTS shelf_author_added"),
    text("DROP TRIGGER IF EXISTS shelf_author_changed"),
    text("DROP TRIGGER IF EXISTS shelf_author_deleted"),
    text(
        "DROP VIEW IF EXISTS shelf_anew"
    ),  # and its trigger; those of tables are dropped with them
)
COUNT_BETWEEN = text("""
    SELECT (
        SELECT count(*) FROM shelf_post
        WHERE shelf = :shelf
          AND publish_at >= gap.value ->> 0 AND publish_at < gap.value ->> 1
          AND (withdraw_at IS NULL OR withdraw_at > :moment)
    )
    FROM json_each(:gaps) AS gap ORDER BY gap.key
""").bindparams(bindparam("moment", type_=UTCTime))
