"""The WSGI application for Gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.rivals.wagtail.settings"
application = get_wsgi_application()
