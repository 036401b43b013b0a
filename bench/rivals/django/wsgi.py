"""The WSGI application for Gunicorn and uWSGI."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.rivals.django.settings"
application = get_wsgi_application()
