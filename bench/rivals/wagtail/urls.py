"""Everything is Wagtail's to serve; its office is there, too."""

from django.urls import include, path
from wagtail import urls
from wagtail.admin import urls as office

urlpatterns = [path("admin/", include(office)), path("", include(urls))]
