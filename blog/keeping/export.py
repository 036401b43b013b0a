"""The blog as plain files, which any program can read and `blog import` takes back."""
