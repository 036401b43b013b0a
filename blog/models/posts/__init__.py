"""Posts and pages: working copies, revisions, publishing, and the lists that writers see."""
