"""The site's settings: declarations, storage, history and the theme made from them."""
