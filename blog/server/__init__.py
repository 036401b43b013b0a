"""The processes that serve the blog: start-up, supervision, health and other servers."""
