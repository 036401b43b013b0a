"""Comments: submitting, moderation, the spam filter and reply notices."""
