"""Outgoing mail: messages, delivery with retries, and the SMTP client."""
