"""The PostgreSQL triggers that keep the lists of posts and their counts up to date.

A deferred trigger updates the tables as the last step before a commit, one transaction after the
other. By then no transaction waits for a row lock of another, so that they cannot deadlock.
"""

from sqlalchemy import bindparam, text

from blog.models.base import UTCTime

FILL_ENTRIES = text("""
    INSERT INTO shelf_post (shelf, publish_at, post_id, withdraw_at, language, month)
    SELECT shelf, publish_at, post_id, withdraw_at, language,
        to_char(publish_at AT TIME ZONE 'UTC', 'YYYY-MM')
    FROM shelf_wanted
""")
CREATE_TRIGGERS = (
    text("""
        CREATE FUNCTION shelf_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO shelf_number AS known (shelf, month, posts)
            SELECT shelf, given.month, count(*)
            FROM added CROSS JOIN LATERAL (VALUES (''), (added.month)) AS given (month)
            WHERE withdraw_at IS NULL GROUP BY shelf, given.month
            ON CONFLICT (shelf, month) DO UPDATE SET posts = known.posts + excluded.posts;
            RETURN NULL;
        END $$
    """),
    text("""
        CREATE FUNCTION shelf_taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE shelf_number AS known SET posts = known.posts - gone.posts
            FROM (
                SELECT shelf, given.month, count(*) AS posts
                FROM taken CROSS JOIN LATERAL (VALUES (''), (taken.month)) AS given (month)
                WHERE withdraw_at IS NULL GROUP BY shelf, given.month
            ) AS gone
            WHERE known.shelf = gone.shelf AND known.month = gone.month;
            RETURN NULL;
        END $$
    """),
    text("""
        CREATE TRIGGER shelf_added AFTER INSERT ON shelf_post
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shelf_added()
    """),
    text("""
        CREATE TRIGGER shelf_taken AFTER DELETE ON shelf_post
        REFERENCING OLD TABLE AS taken FOR EACH STATEMENT EXECUTE FUNCTION shelf_taken()
    """),
    # The posts that the running transactions changed, each once; empty between transactions.
    text("""
        CREATE TABLE shelf_changed (
            transaction bigint, post_id integer, PRIMARY KEY (transaction, post_id)
        )
    """),
    # The lock is the one under which changes are numbered: whoever tells one has it already.
    # Of a young database PostgreSQL does not know yet how many rows a walk would meet.
    text("""
        CREATE FUNCTION shelf_put() RETURNS trigger LANGUAGE plpgsql
        SET enable_seqscan = off AS $$ BEGIN
            PERFORM pg_advisory_xact_lock(1667785070);
            DELETE FROM shelf_changed
            WHERE transaction = NEW.transaction AND post_id = NEW.post_id;
            DELETE FROM shelf_post WHERE post_id = NEW.post_id;
            INSERT INTO shelf_post (shelf, publish_at, post_id, withdraw_at, language, month)
            SELECT shelf, publish_at, post_id, withdraw_at, language,
                to_char(publish_at AT TIME ZONE 'UTC', 'YYYY-MM')
            FROM shelf_wanted WHERE post_id = NEW.post_id;
            RETURN NULL;
        END $$
    """),
    text("""
        CREATE CONSTRAINT TRIGGER shelf_put AFTER INSERT ON shelf_changed
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shelf_put()
    """),
    text("""
        CREATE FUNCTION shelf_post_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO shelf_changed VALUES (txid_current(), coalesce(NEW.id, OLD.id))
            ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$
    """),
    text("""
        CREATE FUNCTION shelf_revision_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO shelf_changed
            SELECT txid_current(), id FROM post WHERE live_revision_id = NEW.id
            ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$
    """),
    text("""
        CREATE FUNCTION shelf_name_changed() RETURNS trigger LANGUAGE plpgsql
        SET enable_seqscan = off AS $$ BEGIN
            INSERT INTO shelf_changed
            SELECT txid_current(), id FROM post
            WHERE live_revision_id IN (OLD.revision_id, NEW.revision_id)
            ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$
    """),
    text("""
        CREATE TRIGGER shelf_post_changed
        AFTER INSERT OR DELETE
            OR UPDATE OF kind, live_revision_id, publish_at, withdraw_at, trashed_at
        ON post FOR EACH ROW EXECUTE FUNCTION shelf_post_changed()
    """),
    text("""
        CREATE TRIGGER shelf_revision_changed AFTER UPDATE OF is_listed, language ON revision
        FOR EACH ROW EXECUTE FUNCTION shelf_revision_changed()
    """),
    text("""
        CREATE TRIGGER shelf_tag_changed AFTER INSERT OR UPDATE OR DELETE ON revision_tag
        FOR EACH ROW EXECUTE FUNCTION shelf_name_changed()
    """),
    text("""
        CREATE TRIGGER shelf_author_changed AFTER INSERT OR UPDATE OR DELETE ON revision_author
        FOR EACH ROW EXECUTE FUNCTION shelf_name_changed()
    """),
)
DROP = (
    text("DROP FUNCTION IF EXISTS shelf_post_changed CASCADE"),  # and the triggers that call it
    text("DROP FUNCTION IF EXISTS shelf_revision_changed CASCADE"),
    text("DROP FUNCTION IF EXISTS shelf_name_changed CASCADE"),
    text("DROP TABLE IF EXISTS shelf_changed"),
    text("DROP FUNCTION IF EXISTS shelf_put CASCADE"),
    text("DROP FUNCTION IF EXISTS shelf_added CASCADE"),
    text("DROP FUNCTION IF EXISTS shelf_taken CASCADE"),
)
COUNT_BETWEEN = text("""
    SELECT (
        SELECT count(*) FROM shelf_post
        WHERE shelf = :shelf
          AND publish_at >= CAST(gap.value ->> 0 AS timestamp) AT TIME ZONE 'UTC'
          AND publish_at < CAST(gap.value ->> 1 AS timestamp) AT TIME ZONE 'UTC'
          AND (withdraw_at IS NULL OR withdraw_at > :moment)
    )
    FROM json_array_elements(CAST(:gaps AS json)) WITH ORDINALITY AS gap (value, place)
    ORDER BY gap.place
""").bindparams(bindparam("moment", type_=UTCTime))
