"""The REST API: joins the apps' routers; one shape for errors, bearer tokens or the page's own session."""

from __future__ import annotations

import logging
import re
from typing import Any, ClassVar

from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.operation import Operation
from ninja.security import HttpBearer, SessionAuth

from builds.api import router as builds
from builds.api_images import router as images
from builds.api_imports import router as imports
from builds.api_waves import router as waves
from builds.badges.api import router as badges
from builds.forges.api import router as forges
from containers.api_deployments import router as deployments
from containers.api_drains import router as drains
from containers.api_environments import router as environments
from containers.api_folders import router as folders
from containers.api_hooks import router as hooks
from containers.api_instances import router as instances
from containers.api_logs import router as logs
from containers.api_placement import router as placement
from containers.api_publishing import router as publishing
from containers.api_services import router as services
from containers.ascode.api import router as ascode
from containers.automatic.api import router as automatic
from containers.capacity.api import router as capacity
from containers.capacity.api_calculator import router as calculator
from containers.capacity.api_costs import router as costs
from containers.capacity.api_rebalance import router as rebalance
from containers.capacity.api_right_sizing import router as right_sizing
from containers.capacity.api_scores import router as scores
from containers.capacity.whatif.api import router as what_if
from containers.gates.api import router as gates
from containers.guardrails.api import router as guardrails
from containers.keeping.api import router as keeping
from containers.keeping.api_backups import router as backups
from containers.keeping.api_left import router as left_data
from containers.keeping.api_protection import router as protection
from containers.recorder.api import router as recorder
from containers.scaling.api import router as scaling
from containers.terminal.api import router as terminals
from containers.trains.api import router as trains
from hosts.api import router as hosts
from hosts.api_certificates import router as certificates
from hosts.api_conformance import router as conformance
from hosts.api_groups import router as groups
from hosts.api_measuring import router as measuring
from hosts.api_operations import router as operations
from hosts.api_segments import router as segments
from hosts.api_upkeep import router as upkeep
from xqplatform.accounts import sudo, tokens
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.api_tokens import router as token_router
from xqplatform.accounts.roles.api import router as access
from xqplatform.accounts.signin.api import router as signin
from xqplatform.alerts.api import router as alerts
from xqplatform.audit.api import router as audit
from xqplatform.audit.proof.api import router as proof
from xqplatform.audit.reports.api import router as reports
from xqplatform.audit.reviews.api import router as reviews
from xqplatform.errors import Denied, Refused
from xqplatform.notices.api import router as notices
from xqplatform.rest import ErrorOut, StrictParser

log = logging.getLogger(__name__)


class Bearer(HttpBearer):
    """`Authorization: Bearer xq_…`; the token acts as its person, as far as its scopes go."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        actor = tokens.enter(request, token.strip())
        if actor is None:
            return None
        request.actor = actor  # type: ignore[attr-defined]
        return actor.user


class Session(SessionAuth):
    """Someone who is signed in may try the API in the reference; changes need the CSRF token there."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        if not request.user.is_authenticated:
            return None
        sudo.require_fresh(request)
        request.actor = Actor.of_request(request, via="api")  # type: ignore[attr-defined]
        return request.user


class Described(NinjaAPI):
    """Describes what every operation may answer, too: the errors that it shares with all others."""

    # One file once: programs are generated from the ids, which stay what they were wherever a view stands.
    PARTED = re.compile(r"^containers\.api_(deployments|drains|environments|folders|instances|services)$")
    ERRORS: ClassVar[dict[str, str]] = {
        "400": "What was sent cannot be taken; `field` names what is wrong with it.",
        "401": "No token, or one that is not good any more.",
        "403": "The right is lacking; the attempt stands in the audit log.",
        "404": "There is no such thing, or it is not there for you.",
        "405": "This address takes other methods.",
        "409": "It does not fit what is there now.",
        "413": "The body is too large.",
        "415": "The body's type is not JSON.",
        "422": "A field is missing, unknown or of another type; `errors` has them all.",
        "429": "Too many calls; `Retry-After` says how many seconds to wait.",
    }

    def get_openapi_operation_id(self, operation: Operation) -> str:
        view = operation.view_func
        return f"{self.PARTED.sub('containers.api', view.__module__)}_{view.__name__}".replace(".", "_")

    def get_openapi_schema(self, **options: Any) -> Any:
        schema = super().get_openapi_schema(**options)
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault("ErrorOut", ErrorOut.model_json_schema())
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorOut"}}}
        for path in schema["paths"].values():
            for operation in path.values():
                for code, words in self.ERRORS.items():
                    if code not in operation["responses"] and int(code) not in operation["responses"]:
                        operation["responses"][code] = {"description": words, "content": content}
        return schema


api = Described(
    title="xqplatform",
    version="1",
    description='Errors are JSON: `{"error": "the reason", "field": "the field or null"}`. '
    "Long work answers 202 with the address where it can be followed. Make a token under Settings → API tokens "
    "or with `manage.py create_token USER`.",
    urls_namespace="api",
    auth=[Bearer(), Session()],
    parser=StrictParser(),
)
api.add_router("/v1/", measuring)
api.add_router("/v1/", upkeep)  # before hosts: /hosts/setup is no host
api.add_router("/v1/", hosts)
api.add_router("/v1/", groups)
api.add_router("/v1/", segments)
api.add_router("/v1/", certificates)
api.add_router("/v1/", operations)
api.add_router("/v1/", conformance)
api.add_router("/v1/", builds)
api.add_router("/v1/", imports)  # before images: /images/imports is no image
api.add_router("/v1/", images)
api.add_router("/v1/", waves)
api.add_router("/v1/", forges)
api.add_router("/v1/", badges)
api.add_router("/v1/", automatic)
api.add_router("/v1/", placement)
api.add_router("/v1/", publishing)
api.add_router("/v1/", scores)
api.add_router("/v1/", costs)
api.add_router("/v1/", scaling)
api.add_router("/v1/", keeping)
api.add_router("/v1/", protection)
api.add_router("/v1/", left_data)
api.add_router("/v1/", backups)
api.add_router("/v1/", hooks)  # before services: its paths name more
api.add_router("/v1/", environments)
api.add_router("/v1/", services)
api.add_router("/v1/", deployments)
api.add_router("/v1/", folders)
api.add_router("/v1/", instances)
api.add_router("/v1/", drains)
api.add_router("/v1/", gates)
api.add_router("/v1/", right_sizing)
api.add_router("/v1/", rebalance)
api.add_router("/v1/", guardrails)
api.add_router("/v1/", trains)
api.add_router("/v1/", capacity)
api.add_router("/v1/", calculator)
api.add_router("/v1/", what_if)
api.add_router("/v1/", ascode)
api.add_router("/v1/", terminals)
api.add_router("/v1/", logs)
api.add_router("/v1/", recorder)
api.add_router("/v1/", alerts)
api.add_router("/v1/", notices)
api.add_router("/v1/", audit)
api.add_router("/v1/", access)
api.add_router("/v1/", token_router)
api.add_router("/v1/", signin)
api.add_router("/v1/", reviews)
api.add_router("/v1/", reports)
api.add_router("/v1/", proof)


def _error(request: HttpRequest, status: int, message: str, field: str | None = None, **more: Any) -> HttpResponse:
    return api.create_response(request, {"error": message, "field": field, **more}, status=status)


@api.exception_handler(Refused)
def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return _error(request, error.code, error.message, error.field)


@api.exception_handler(Denied)
def denied(request: HttpRequest, error: Denied) -> HttpResponse:
    return _error(request, 403, error.message)


@api.exception_handler(Http404)
def missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return _error(request, 404, _("There is no such thing."))


@api.exception_handler(AuthenticationError)
def unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    response = _error(request, 401, _("A valid token is needed: Authorization: Bearer …"))
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, Refused):
        return refused(request, error.__cause__)
    return _error(request, error.status_code, str(error))


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """The first mistake as the reason, all of them in `errors`."""
    found = []
    for item in error.errors:
        # («body», name of the parameter, field, …) → «field.…»
        path = [str(p) for p in item.get("loc", ())]
        path = path[2:] if len(path) > 2 and path[0] in {"body", "form"} else path[1:]
        found.append({"field": ".".join(path) or None, "message": str(item.get("msg", "invalid"))})
    first = found[0] if found else {"field": None, "message": "invalid"}
    where = f"{first['field']}: " if first["field"] else ""
    return _error(request, 422, f"{where}{first['message']}", first["field"], errors=found)


@api.exception_handler(DjangoValidationError)
def invalid_value(request: HttpRequest, error: DjangoValidationError) -> HttpResponse:
    field = next(iter(error.message_dict), None) if hasattr(error, "error_dict") else None
    return _error(request, 400, " ".join(error.messages), field)


@api.exception_handler(IntegrityError)
def conflict(request: HttpRequest, error: IntegrityError) -> HttpResponse:
    log.warning("API %s: %s", request.path, error)
    return _error(request, 409, _("This conflicts with something that exists already."))


@api.exception_handler(DataError)
@api.exception_handler(OverflowError)
def out_of_range(request: HttpRequest, error: Exception) -> HttpResponse:
    return _error(request, 400, _("A number is out of range."))


@api.exception_handler(RequestDataTooBig)
def too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return _error(request, 413, _("The body is too large."))


@api.exception_handler(Exception)
def broken(request: HttpRequest, error: Exception) -> HttpResponse:
    """A mistake of ours: in the log with its trace, for the caller by its request id."""
    if isinstance(error, ValueError) and "NUL" in str(error):
        return _error(request, 400, _("NUL characters are not allowed."))
    request_id = getattr(request, "request_id", "")
    log.exception("API %s %s failed (request %s)", request.method, request.path, request_id)
    return _error(request, 500, _("The platform made a mistake."), request_id=request_id)


def _urls() -> Any:
    """The API's pages, which ask for a token themselves instead of sending people to the log-in page."""
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        pattern.callback.login_required = False  # type: ignore[union-attr]
    return patterns, app_name, namespace


urls = _urls()
