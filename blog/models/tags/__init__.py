"""Tags, and how site owners rename, merge and delete them."""
