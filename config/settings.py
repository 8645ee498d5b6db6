"""Django's settings. What differs between two places comes from environment variables.

Development has them in `.env.local`, which `./run` makes. docs/settings.md describes each.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from config.environment import Environment, read_variables

BASE_DIR = Path(__file__).resolve().parent.parent

environment = Environment(read_variables(BASE_DIR / ".env.local"))

# Who we are and who may ask

SECRET_KEY = environment.secret_key("SECRET_KEY")
SECRET_KEY_FALLBACKS = environment.secret_keys("SECRET_KEY_FALLBACKS")
DEBUG = environment.boolean("DEBUG", default=False)
HTTPS = environment.boolean(
    "HTTPS", default=True
)  # people come over HTTPS; off only where nobody else listens

# Django's own check is open: instances' domains are rows, and an unknown host gets our answer.
ALLOWED_HOSTS = ["*"]
ACCEPTED_HOSTS = environment.hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = environment.origins("CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXIES = environment.networks("TRUSTED_PROXIES")

SECURE_SSL_REDIRECT = environment.boolean("HTTPS_REDIRECT", default=HTTPS)
# Refused by the call itself, but for load balancers, who ask over plain HTTP as at /healthz; the
# clients' API by config.hosts, in its envelope.
SECURE_REDIRECT_EXEMPT = [r"^(zitadel|grpc)\.", r"^clients/"]
SECURE_HSTS_SECONDS = environment.integer(
    "HSTS_SECONDS", default=31_536_000 if HTTPS else 0, minimum=0, maximum=63_072_000
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = environment.boolean("HSTS_SUBDOMAINS", default=HTTPS)
SECURE_HSTS_PRELOAD = environment.boolean("HSTS_PRELOAD", default=HTTPS)
# config.proxies removes the header from everybody but a trusted proxy.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# Parts

INSTALLED_APPS = [
    "config.apps.StrataAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "corsheaders",
    "tenancy",
    "access",
    "events",
    "features",
    "clients",
    "security",
    "api",
    "config.apps.ConfigConfig",
]

MIDDLEWARE = [
    "config.proxies.TrustProxies",  # first: what follows believes REMOTE_ADDR and is_secure()
    "config.logs.LogRequests",
    "config.metrics.MeasureRequests",
    "config.health.AnswerProbes",  # before redirects and hosts: a probe knows neither
    "config.pages.ProtectPages",  # before whatever answers with a page of its own
    "corsheaders.middleware.CorsMiddleware",  # before what refuses: a page may read refusals
    "config.hosts.RefuseUnknownHosts",
    "config.hosts.RefusePlainHttp",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.languages.PageLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "security.sessions.ActAsSubject",
    "axes.middleware.AxesMiddleware",  # last: it replaces the answer to who is locked out
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # an API never redirects a request with a body
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["access.templatetags.marks"],  # forms say for whom they were made
        },
    },
]

# Data

SQLITE_OPTIONS: dict[str, Any] = {
    # A transaction takes the write lock when it begins, and waits for it. Django's default takes it
    # at the first write and fails at once when another process wrote in between: with eight writers
    # six of ten transactions were lost.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # With WAL, readers and one writer go on side by side. NORMAL may lose the last transactions
    # when the power fails, never when the process does, keeps the file sound in both cases, and
    # saves an fsync for each write.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}


def configure_database(
    database: dict[str, Any], pool_size: int, pool_timeout: int = 2
) -> dict[str, Any]:
    """Add to a database's address how to use it."""
    options = database.get("OPTIONS", {})
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # A relative file lies beside manage.py, wherever the command was typed.
        return database | {"NAME": BASE_DIR / database["NAME"], "OPTIONS": SQLITE_OPTIONS | options}
    options = {"connect_timeout": 5} | options
    if pool_size:
        # A pool, because a connection for each thread of each process would exhaust the server's.
        # A request that waits for a connection holds a thread: where the database is away, a short
        # wait lets the server go on to say so, to probes too, and not hang.
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": pool_timeout}
    return database | {"OPTIONS": options, "CONN_MAX_AGE": 0}


DATABASES = {
    "default": configure_database(
        environment.database("DATABASE_URL", default="sqlite:///db.sqlite3"),
        environment.integer("DATABASE_POOL_SIZE", default=20, minimum=0, maximum=1000),
        environment.integer("DATABASE_POOL_TIMEOUT", default=2, minimum=1, maximum=60),
    )
}

# People

AUTH_USER_MODEL = "tenancy.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: it refuses before a password is tried
    "access.backends.InstanceBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "name", "email")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # names are unique within an instance, which the backend knows
    "security.W002",  # X-Frame-Options comes from config.pages, by each instance's settings
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"  # where the page that was asked for is none of ours
CSRF_FAILURE_VIEW = "access.csrf.refuse"

# A name and an address together, so that nobody can lock another out from elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "access.backends.name_of_attempt"  # which tells instances apart
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_TEMPLATE = "429.html"
AXES_VERBOSE = False  # the access log has each request already
AXES_ENABLE_ADMIN = False
AXES_CLIENT_IP_CALLABLE = "config.proxies.address_of"

# APIs

# Requests a minute of one user or API client, in each process; 0 for any number.
THROTTLE_PER_MINUTE = environment.integer(
    "THROTTLE_PER_MINUTE", default=6000, minimum=0, maximum=1_000_000
)

# Pages of these origins may call the APIs; nobody's may unless named. Cookies are never taken.
CORS_ALLOWED_ORIGINS = environment.origins("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/(v2|v2beta|api|clients|oauth|system|instances|zitadel\.)"
CORS_ALLOW_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CORS_ALLOW_HEADERS = (
    *("authorization", "content-type", "if-match", "if-none-match", "idempotency-key"),
    *("connect-protocol-version", "connect-timeout-ms", "grpc-timeout", "x-grpc-web"),
    "x-user-agent",
)
CORS_EXPOSE_HEADERS = (
    *("etag", "retry-after", "x-request-id"),
    *("grpc-status", "grpc-message", "grpc-status-details-bin"),
)
CORS_PREFLIGHT_MAX_AGE = 3600

# Who may read /metrics: who brings the token, or asks from these networks.
METRICS_TOKEN = environment.text("METRICS_TOKEN", default="")
METRICS_NETWORKS = environment.networks("METRICS_NETWORKS", default="127.0.0.0/8,::1")

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["access.parsers.StrictJsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "access.negotiation.OneFormat",
    # Bearer first: its WWW-Authenticate is what makes a refusal a 401.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "access.authentication.BearerAuthentication",
        "clients.authentication.ClientAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Strata",
    "DESCRIPTION": "Feature settings at four levels, each inheriting from the one above.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "PREPROCESSING_HOOKS": ["api.schema.document.without_views"],
    "POSTPROCESSING_HOOKS": ["api.schema.document.add_paths"],
    "SORT_OPERATIONS": False,
    "SERVE_INCLUDE_SCHEMA": False,
    # The sidecar: no page of ours loads anything from elsewhere.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "none", "filter": True},
}

# Languages and time

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60  # chosen once, it outlives the browser's window
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# Files that browsers get. An empty STATIC_ROOT serves them from where they lie.

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = (
    BASE_DIR / static
    if (static := environment.text("STATIC_ROOT", default="staticfiles"))
    else None
)
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_ROOT
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Logs: one JSON object a line, on standard error

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": environment.log_level("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.request": {"level": "ERROR"},  # the access log has what is below
        "django.server": {"handlers": [], "propagate": False},  # as does runserver
        "axes": {"level": "WARNING"},
    },
}

environment.stop_if_wrong()
