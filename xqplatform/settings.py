"""Settings: one file for both sizes of the platform; only the surroundings differ (see `xqplatform/env.py`)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url

from xqplatform import env

BASE_DIR = env.BASE_DIR
DATA_DIR = env.data_dir()

SECRET_KEY = env.text("XQ_SECRET_KEY") or env.kept_secret("secret-key")
# Encrypts keys, passwords and secret values at rest; apart from SECRET_KEY, so that one can be changed without the other.
# The newest first: XQ_ENCRYPTION_KEYS, then the file's, one a line, then XQ_ENCRYPTION_KEY. Without any: a file that is made.
ENCRYPTION_KEYS = env.text("XQ_ENCRYPTION_KEYS").replace(",", " ").split()
ENCRYPTION_KEY = env.text("XQ_ENCRYPTION_KEY")
ENCRYPTION_KEY_FILE = env.text("XQ_ENCRYPTION_KEY_FILE")
if not (ENCRYPTION_KEYS or ENCRYPTION_KEY or ENCRYPTION_KEY_FILE):
    ENCRYPTION_KEY_FILE = str(env.kept_file("encryption-key"))
# This platform's id on engines; empty: the one in the database.
INSTALLATION = ""
DEBUG = env.flag("XQ_DEBUG")
ALLOWED_HOSTS = env.text("XQ_ALLOWED_HOSTS", "*").split(",")
CSRF_TRUSTED_ORIGINS = [o for o in env.text("XQ_TRUSTED_ORIGINS").split(",") if o]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "ninja",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "axes",
    "xqplatform.secrets",
    "xqplatform.accounts",
    "xqplatform.accounts.signin",
    "xqplatform.audit",
    "xqplatform.audit.reviews",
    "xqplatform.audit.reports",
    "xqplatform.live",
    "xqplatform.metrics",
    "xqplatform.alerts",
    "xqplatform.notices",
    "xqplatform.web",
    "hosts",
    "builds",
    "containers",
    "containers.capacity",
    "containers.scaling",
    "containers.keeping",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "xqplatform.web.middleware.RequestIdMiddleware",
    "xqplatform.web.middleware.PolicyMiddleware",
    "xqplatform.web.limits.LimitMiddleware",
    "xqplatform.live.middleware.LiveClockMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "xqplatform.accounts.middleware.PersonMiddleware",
    "xqplatform.accounts.signin.middleware.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "xqplatform.accounts.views.sudo.SudoMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "xqplatform.web.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "xqplatform.urls"
ASGI_APPLICATION = "xqplatform.asgi.application"
WSGI_APPLICATION = None

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
                "xqplatform.web.context.shell",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "django.templatetags.tz",
                "xqplatform.web.templatetags.xq",
                "containers.templatetags.containers",
                "xqplatform.metrics.templatetags.metrics",
                "xqplatform.alerts.templatetags.alerts",
                "django.contrib.humanize.templatetags.humanize",
            ],
        },
    }
]


def database() -> dict[str, Any]:
    """SQLite in the data folder, or what `XQ_DATABASE_URL` names."""
    config: dict[str, Any] = dict(
        dj_database_url.parse(env.text("XQ_DATABASE_URL") or f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
    )
    if config["ENGINE"].endswith("sqlite3"):
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000;",
        }
    else:
        # Its planner overrates questions for ranges of hot samples and would compile them for longer than they run.
        config.setdefault("OPTIONS", {}).setdefault("options", "-c jit=off")
    config["CONN_MAX_AGE"] = 0 if config["ENGINE"].endswith("sqlite3") else 60
    return config


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
PASSWORD_LENGTH = 12
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_LENGTH},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "display_name", "email"), "max_similarity": 0.7},
    },
]
# Signing in (django-allauth): by name and password, then a second factor; nobody makes an account for themselves here.
ACCOUNT_ADAPTER = "xqplatform.accounts.signin.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_SIGNUP_ENABLED = False
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_FORMS = {
    "login": "xqplatform.accounts.signin.forms.SignInForm",
    "reauthenticate": "xqplatform.accounts.signin.forms.ConfirmForm",
}
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}  # django-axes counts, see accounts/signin/limits.py
MFA_ADAPTER = "xqplatform.accounts.signin.adapter.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "xqplatform.accounts.signin.forms.CodeForm",
    "reauthenticate": "xqplatform.accounts.signin.forms.ConfirmCodeForm",
    "activate_totp": "xqplatform.accounts.signin.forms.AppForm",
    "login_webauthn": "xqplatform.accounts.signin.forms.PasskeySignInForm",
    "authenticate_webauthn": "xqplatform.accounts.signin.forms.PasskeySecondForm",
    "reauthenticate_webauthn": "xqplatform.accounts.signin.forms.PasskeyAgainForm",
    "add_webauthn": "xqplatform.accounts.signin.forms.PasskeyForm",
    "edit_webauthn": "xqplatform.accounts.signin.forms.PasskeyNameForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "xqplatform"
MFA_TOTP_TOLERANCE = 1  # half a minute that a phone's clock may be off
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # there is no mail that could be verified

# OpenID Connect: providers are rows of a settings page, and this one.
SOCIALACCOUNT_ADAPTER = "xqplatform.accounts.signin.social.SocialAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = True  # links nothing: whoever is led there signs in as themselves
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
OIDC = {
    "name": env.text("XQ_OIDC_NAME", "SSO"),
    "issuer": env.text("XQ_OIDC_ISSUER").rstrip("/"),
    "client_id": env.text("XQ_OIDC_CLIENT_ID"),
    "secret": env.text("XQ_OIDC_CLIENT_SECRET"),
    "scopes": env.text("XQ_OIDC_SCOPES", "openid profile email"),
    "group_claim": env.text("XQ_OIDC_GROUP_CLAIM", "groups"),
    "makes_people": env.flag("XQ_OIDC_MAKES_PEOPLE"),
    "domains": env.text("XQ_OIDC_DOMAINS").replace(",", " ").split(),
}
# Who guesses has to wait (django-axes). Its middleware is not needed: the form says so in words.
AXES_HANDLER = "xqplatform.accounts.signin.lockout.Lockout"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address"]
AXES_USERNAME_CALLABLE = "xqplatform.accounts.signin.lockout.key"
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_FAILURE_LIMIT = 10
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "code", "credential", "csrfmiddlewaretoken", "next"]

LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "/"
# How long a session lasts without use, and altogether (seconds).
SESSION_IDLE = env.number("XQ_SESSION_IDLE_HOURS", 72) * 3600
SESSION_TOTAL = env.number("XQ_SESSION_DAYS", 14) * 86400
# Seconds for which a proof of who somebody is counts before dangerous verbs; 0: none is asked for.
SUDO = env.number("XQ_SUDO_MINUTES", 10) * 60
ACCOUNT_REAUTHENTICATION_TIMEOUT = SUDO or SESSION_TOTAL
SESSION_ENGINE = "xqplatform.accounts.sessions.store"
SESSION_COOKIE_AGE = SESSION_TOTAL

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env.text("XQ_STATIC_ROOT", str(DATA_DIR / "static")))
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 3600

# Behind a proxy with TLS: browsers keep to it, and cookies never travel without.
TLS = env.flag("XQ_TLS", any(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TLS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if TLS else 0
if TLS:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-xq-session", "__Host-xq-csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# The proxy sends http:// on to https:// (W008); other hosts of the domain and browsers' own lists are its owner's affair (W005, W021).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021", "axes.W002"]
CSRF_FAILURE_VIEW = "xqplatform.web.views.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
# Bytes of a whole request, files included; counted as they come, so that none fills the disk.
REQUEST_MOST = env.number("XQ_REQUEST_MIB", 64) << 20
# Days that volumes of removed instances stay, in which they can be brought back.
DATA_GRACE_DAYS = env.number("XQ_DATA_GRACE_DAYS", 14)
# Bytes of one file that becomes an image; it comes in pieces, each a request.
IMPORT_MOST = env.number("XQ_IMPORT_MIB", 4096) << 20
# Calls of the API that one token, session or address may make in a minute, and how many of an address may be refused.
CALLS_A_MINUTE = env.number("XQ_API_CALLS_PER_MINUTE", 1200)
REFUSED_A_MINUTE = env.number("XQ_API_REFUSED_PER_MINUTE", 60)

REDIS_URL = env.redis_url()
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

CELERY_BROKER_URL = env.celery_url()
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Unacknowledged work comes back by the beat's own sweep of the rows, not by the broker.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 86400, "socket_keepalive": True}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Whether what others do on engines becomes audit events (the platform's own calls are noted then, to tell them apart).
HEAR_OUTSIDE = True
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "reviews": {"task": "reviews.tasks.feed", "schedule": 10.0},
    "audit-reports": {"task": "reports.tasks.resume", "schedule": 60.0},
    "hosts-inventory": {"task": "hosts.tasks.refresh_all", "schedule": 30.0},
    "hosts-events": {"task": "hosts.tasks.watch_all", "schedule": 10.0},
    "hosts-collectors": {"task": "hosts.tasks.collect", "schedule": 10.0},
    "hosts-forgotten": {"task": "hosts.tasks.forget_instances", "schedule": 3600.0},
    "hosts-certificates": {"task": "hosts.tasks.look_at_certificates", "schedule": 600.0},
    "hosts-conformance": {"task": "hosts.tasks.check_conformance_all", "schedule": 60.0},
    "hosts-quarantine": {"task": "hosts.tasks.end_quarantines", "schedule": 60.0},
    "hosts-operations": {"task": "hosts.tasks.resume_operations", "schedule": 3.0},
    "builds-resume": {"task": "builds.tasks.resume", "schedule": 5.0},
    "builds-deliveries": {"task": "builds.tasks.resume_deliveries", "schedule": 5.0},
    "builds-tidy-deliveries": {"task": "builds.tasks.tidy_deliveries", "schedule": 3600.0},
    "builds-imports": {"task": "builds.tasks.resume_imports", "schedule": 10.0},
    "builds-waves": {"task": "builds.tasks.waves", "schedule": 10.0},
    "commit-statuses": {"task": "containers.tasks.commit_statuses", "schedule": 10.0},
    "builds-registries": {"task": "builds.tasks.check_registries", "schedule": 60.0},
    "deployments-resume": {"task": "containers.tasks.resume", "schedule": 3.0},
    "waiting-releases": {"task": "containers.tasks.begin_due", "schedule": 3.0},
    "trains": {"task": "containers.tasks.trains", "schedule": 3.0},
    "persisted": {"task": "containers.tasks.measure_all_persisted", "schedule": 900.0},
    "image-contents": {"task": "containers.tasks.tidy_contents", "schedule": 3600.0},
    "kept-logs": {"task": "containers.tasks.tidy_kept_logs", "schedule": 3600.0},
    "moved-volumes": {"task": "containers.tasks.tidy_moved_volumes", "schedule": 300.0},
    "drains": {"task": "containers.tasks.drains", "schedule": 10.0},
    "alerts-evaluate": {"task": "alerts.tasks.evaluate", "schedule": 10.0},
    "alerts-deliveries": {"task": "alerts.tasks.resume", "schedule": 5.0},
    "alerts-tidy": {"task": "alerts.tasks.tidy", "schedule": 3600.0},
    "notices": {"task": "notices.tasks.resume", "schedule": 5.0},
    "notices-tidy": {"task": "notices.tasks.tidy", "schedule": 3600.0},
    "audit-index": {"task": "audit.tasks.catch_up", "schedule": 10.0},
    "audit-folds": {"task": "audit.tasks.fold", "schedule": 30.0},
    "audit-links": {"task": "audit.tasks.link", "schedule": 3.0},
    "audit-verifications": {"task": "audit.tasks.resume", "schedule": 10.0},
    "audit-outlets": {"task": "audit.tasks.outlets", "schedule": 3.0},
    "audit-archives": {"task": "audit.tasks.archive", "schedule": 600.0},
    "audit-checkpoints": {"task": "audit.tasks.checkpoint", "schedule": 30.0},
    "metrics": {"task": "metrics.tasks.keep", "schedule": 30.0},
    "applications": {"task": "containers.tasks.hear_applications", "schedule": 5.0},
    "calendars": {"task": "containers.tasks.compute_calendars", "schedule": 300.0},
    "terminals": {"task": "containers.tasks.terminals", "schedule": 5.0},
    "recordings": {"task": "containers.tasks.recordings", "schedule": 3600.0},
    "sessions": {"task": "accounts.tasks.tidy_sessions", "schedule": 3600.0},
    "access-requests": {"task": "accounts.tasks.expire_requests", "schedule": 300.0},
    "converge": {"task": "containers.tasks.converge_all", "schedule": 30.0},
    "capacity": {"task": "capacity.tasks.roll_up", "schedule": 60.0},
    "capacity-scores": {"task": "capacity.tasks.score_weeks", "schedule": 300.0},
    "capacity-health": {"task": "capacity.tasks.health_days", "schedule": 300.0},
    "capacity-moves": {"task": "capacity.tasks.propose_moves", "schedule": 300.0},
    "capacity-costs": {"task": "capacity.tasks.count_costs", "schedule": 300.0},
    "traffic": {"task": "containers.tasks.sweep_traffic", "schedule": 10.0},
    "scaling": {"task": "scaling.tasks.evaluate", "schedule": 10.0},
    "keeping-look": {"task": "keeping.tasks.look_all", "schedule": 60.0},
    "keeping-schedule": {"task": "keeping.tasks.schedule", "schedule": 30.0},
    "keeping-sweep": {"task": "keeping.tasks.sweep", "schedule": 10.0},
    "keeping-backups": {"task": "keeping.tasks.plan_backups", "schedule": 60.0},
    "keeping-stores": {"task": "keeping.tasks.ask_stores", "schedule": 60.0},
    "keeping-backups-sweep": {"task": "keeping.tasks.sweep_backups", "schedule": 30.0},
    "scaling-tidy": {"task": "scaling.tasks.tidy", "schedule": 3600.0},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "xqplatform.secrets.logs.Formatter", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("XQ_LOG_LEVEL", "INFO")},
    "loggers": {"docker": {"level": "WARNING"}, "urllib3": {"level": "ERROR"}, "paramiko": {"level": "WARNING"}},
}

# Days after which a secret that nobody changed counts as old.
SECRET_OLD_DAYS = env.number("XQ_SECRET_OLD_DAYS", 365)
# Whether what a new team owns is there for its people only.
TEAMS_CLOSED = env.flag("XQ_TEAMS_CLOSED")
# Host folders that services may mount lie below these roots (ROOT/SERVICE/NAME), so that no service mounts /etc.
VOLUME_ROOTS = [r for r in env.text("XQ_VOLUME_ROOTS", "/data/services").split(":") if r]
# Days that a volume which a move left on a host is kept there.
MOVED_VOLUME_DAYS = env.number("XQ_MOVED_VOLUME_DAYS", 7)
# Where hosts keep the folders of addresses that are mounted at /persist, unless a host's label `persist_root` says otherwise.
PERSIST_ROOT = env.text("XQ_PERSIST_ROOT", "/data/persist")
# Networks that HTTP hooks may go to beside the segments, such as «10.8.0.0/16 192.0.2.7».
HOOK_NETWORKS = env.text("XQ_HOOK_NETWORKS").replace(",", " ").split()
# Networks that no connection of the platform goes to: link-local, where clouds keep their machines' secrets, and the like elsewhere.
FORBIDDEN_NETWORKS = (
    env.text("XQ_FORBIDDEN_NETWORKS", "169.254.0.0/16 fe80::/10 fd00:ec2::254/128 100.100.100.200/32 168.63.129.16/32")
    .replace(",", " ")
    .split()
)
# Days that the last lines of containers that went are kept, and how much of them (bytes, compressed) at most.
KEPT_LOG_DAYS = env.number("XQ_KEPT_LOG_DAYS", 90)
KEPT_LOG_BYTES = env.number("XQ_KEPT_LOG_MIB", 2048) << 20
# How people reach the platform, for links in notifications.
PUBLIC_URL = (env.text("XQ_PUBLIC_URL") or next(iter(CSRF_TRUSTED_ORIGINS), "")).rstrip("/")
# An apprise address without receivers, such as mailtos://USER:PASSWORD@mail.example.com: by it people get their own mail.
MAIL_URL = env.text("XQ_MAIL_URL")
# Minutes an address rests after its release, so that ARP caches and alerts forget its last holder.
QUARANTINE_MINUTES = env.number("XQ_QUARANTINE_MINUTES", 30)
# Days that certificates issued by the platform are valid.
CERTIFICATE_DAYS = env.number("XQ_CERTIFICATE_DAYS", 365)

# Terminals in the browser: minutes without a key and altogether, how many a person and a web process may have, whether what is
# typed is recorded (passwords are typed); days and MiB of a recording.
TERMINAL_IDLE = env.number("XQ_TERMINAL_IDLE_MINUTES", 15) * 60
TERMINAL_TOTAL = env.number("XQ_TERMINAL_MINUTES", 240) * 60
TERMINAL_AWAY = 60
TERMINALS_A_PERSON = env.number("XQ_TERMINALS_PER_PERSON", 5)
TERMINALS = env.number("XQ_TERMINALS", 40)
TERMINAL_RECORD_INPUT = env.flag("XQ_TERMINAL_RECORD_INPUT")
RECORDING_DAYS = env.number("XQ_RECORDING_DAYS", 180)
RECORDING_MOST = env.number("XQ_RECORDING_MIB", 32) << 20

# Seconds between two readings of a host.
METRICS_INTERVAL = env.number("XQ_METRICS_INTERVAL", 10)
# Time series: seconds that each level is kept, how late a sample may come, and how far ahead of the platform's clock it may be.
METRICS_KEEP = {10: 2 * 86400, 60: 14 * 86400, 600: 92 * 86400, 3600: 731 * 86400}
METRICS_LATE = 24 * 3600.0
METRICS_AHEAD = 60.0
# Below so much free space (bytes) samples are not kept, only roll-ups.
METRICS_LEAST_FREE = env.number("XQ_METRICS_LEAST_FREE_MIB", 2048) << 20
# Where applications may send StatsD datagrams; port 0: nowhere.
STATSD_HOST = env.text("XQ_STATSD_HOST", "0.0.0.0")
STATSD_PORT = env.number("XQ_STATSD_PORT", 0)

# The audit log: the secret that seals events and signs checkpoints, else a file with it, else one that is made in the data folder;
# seconds after a commit until its events are linked (None: only the beat's task links).
AUDIT_KEY = env.text("XQ_AUDIT_KEY")
AUDIT_KEY_FILE = env.text("XQ_AUDIT_KEY_FILE")
# Minutes between two checkpoints.
AUDIT_CHECKPOINT_MINUTES = env.number("XQ_AUDIT_CHECKPOINT_MINUTES", 10)
# Hours between two verifications of the whole log by itself; 0: none.
AUDIT_VERIFY_HOURS = env.number("XQ_AUDIT_VERIFY_HOURS", 24)
# Where events go as syslog (udp://, tcp:// or tls://HOST:PORT) and in which form (json, cef); a file with the authorities of TLS;
# where checkpoints go as JSON.
AUDIT_SYSLOG = env.text("XQ_AUDIT_SYSLOG")
AUDIT_SYSLOG_FORM = env.text("XQ_AUDIT_SYSLOG_FORM", "json")
AUDIT_SYSLOG_CA = env.text("XQ_AUDIT_SYSLOG_CA")
AUDIT_WEBHOOK = env.text("XQ_AUDIT_WEBHOOK")
# Days that events stay in the database before they move into sealed archives (0: for good), and the folder of these files.
AUDIT_DAYS = env.number("XQ_AUDIT_DAYS", 0)
AUDIT_ARCHIVE = env.text("XQ_AUDIT_ARCHIVE")
AUDIT_LINK_AFTER: float | None = 0.05
