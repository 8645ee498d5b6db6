"""The application that granian, gunicorn and runserver serve."""

import os

from django.core.wsgi import get_wsgi_application

from config.edge import make_readable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = make_readable(get_wsgi_application())
