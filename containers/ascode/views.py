"""Pages: a thing as a file with its drift and what was applied to it, the list of all drift, and «Apply a file»."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from containers.ascode import applying, drift, source
from containers.ascode.drift import Drift
from containers.ascode.exporting import export
from containers.ascode.plans import warnings_of
from containers.ascode.source import Mistake, Wrong
from containers.ascode.state import text_of
from containers.models import AppliedFile, Environment, Service
from containers.views.access import get_service
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Denied, Refused
from xqplatform.secrets import TYPED_FOR, seal, unseal

PAGE = 50
SHOWN = 20
PURPOSE = "typed secret of a file"


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All that a file was applied to, and in what it differs from its file."""
    page = Paginator(drift.newest(actor_of(request)), PAGE).get_page(request.GET.get("page"))
    return render(request, "containers/files.html", {"page": page, "drifts": drift.of_all(page)})


@require_GET
def of_service(request: HttpRequest, slug: str) -> HttpResponse:
    service = get_service(actor_of(request), slug)
    may = can(actor_of(request), "service.change", **service.at)
    return _show(request, "Service", service, drift.of_service(service), may)


@require_GET
def of_environment(request: HttpRequest, slug: str) -> HttpResponse:
    environment = get_object_or_404(Environment.objects.select_related("segment"), slug=slug)
    may = can(actor_of(request), "environment.manage")
    return _show(request, "Environment", environment, drift.of_environment(environment), may)


def _show(
    request: HttpRequest, kind: str, row: Service | Environment, found: Drift | None, may_change: bool
) -> HttpResponse:
    context = {
        "kind": kind,
        "row": row,
        "service": row if isinstance(row, Service) else None,
        "environment": row if isinstance(row, Environment) else None,
        "drift": found,
        "text": text_of(kind, row.slug),
        "files": row.files.all()[:SHOWN],
        "may_change": may_change,
    }
    return render(request, "containers/code.html", context)


@require_GET
def export_service(request: HttpRequest, slug: str) -> HttpResponse:
    return _download(request, get_service(actor_of(request), slug))


@require_GET
def export_environment(request: HttpRequest, slug: str) -> HttpResponse:
    return _download(request, get_object_or_404(Environment, slug=slug))


def _download(request: HttpRequest, row: Service | Environment) -> HttpResponse:
    answer = HttpResponse(export(actor_of(request), row), content_type="application/yaml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{type(row).__name__.lower()}-{row.slug}.yaml"'
    return answer


@require_GET
def applied(request: HttpRequest, number: int) -> HttpResponse:
    rows = AppliedFile.objects.select_related("service", "environment")
    file = get_visible(actor_of(request), rows, pk=min(number, 2**31))
    return render(request, "containers/file.html", {"file": file})


@require_http_methods(["GET", "POST"])
def apply(request: HttpRequest) -> HttpResponse:
    """Paste or upload, look at the difference, confirm. `do`: show (as it comes), or apply with the mark of what was shown."""
    context: dict[str, Any] = {"text": "", "prune": False, "reason": "", "mistakes": [], "plan": None, "secrets": []}
    if request.method == "GET":
        context["text"] = _start(request)
        return render(request, "containers/file_apply.html", context)
    context |= {"prune": request.POST.get("prune") == "on", "reason": request.POST.get("reason", "")[:2000]}
    try:
        context["text"] = _posted(request)
        if request.POST.get("do") == "apply":
            return _apply(request, context)
        _preview(request, context)
    except Wrong as wrong:
        context["mistakes"] = wrong.mistakes
    except Denied as denied:
        context["mistakes"] = [Mistake(0, "", denied.message)]
        return render(request, "containers/file_apply.html", context, status=403)
    except Refused as refused:
        context["mistakes"] = [Mistake(0, "", refused.message)]
        _again(request, context, refused)
    return render(request, "containers/file_apply.html", context, status=400 if context["mistakes"] else 200)


def _start(request: HttpRequest) -> str:
    """`?service=` or `?environment=`: its text as it is, to be changed; `?file=`: one that was applied before."""
    get = request.GET
    for kind in ("Service", "Environment"):
        if name := get.get(kind.lower(), "").replace("\x00", ""):
            there = kind != "Service" or visible(actor_of(request), Service).filter(slug=name).exists()
            return text_of(kind, name) if there else ""
    number = get.get("file", "")
    if number.isascii() and number.isdigit() and len(number) < 10:
        file = visible(actor_of(request), AppliedFile).filter(pk=int(number)).first()
        return file.text if file is not None else ""
    return ""


def _posted(request: HttpRequest) -> str:
    """The text of the upload, else what was typed. Raises Wrong."""
    upload = request.FILES.get("file")
    if upload is None or isinstance(upload, list):
        return request.POST.get("text", "").replace("\r\n", "\n")
    content = upload.read(source.LONGEST * 4 + 1)
    return source.decode(content).replace("\r\n", "\n")


def _preview(request: HttpRequest, context: dict[str, Any]) -> None:
    plan = applying.preview(actor_of(request), context["text"], prune=context["prune"])
    context |= {"plan": plan, "token": plan.token, "warnings": warnings_of(plan)}
    typed = _secrets(request)
    context["secrets"] = [
        {
            "name": name,
            "field": f"secret-{number}",
            "typed": _sealed(request, name, typed.get(name, "")),
            "number": number,
        }
        for number, name in enumerate(plan.needs)
    ]


def _secrets(request: HttpRequest) -> dict[str, str]:
    """Values that were typed now, or beside a refusal before: those come back encrypted, so that they are not lost."""
    found = {}
    for number, name in enumerate(request.POST.getlist("secret_name")[:500]):
        value = request.POST.get(f"secret-{number}", "") or _opened(
            request, name, request.POST.get(f"typed-{number}", "")
        )
        if value:
            found[name] = value
    return found


def _sealed(request: HttpRequest, name: str, value: str) -> str:
    return seal(PURPOSE, json.dumps([request.user.pk, name, value])) if value else ""


def _opened(request: HttpRequest, name: str, token: str) -> str:
    try:
        user, of, value = json.loads(unseal(PURPOSE, token, TYPED_FOR)) if token else (None, "", "")
    except (TypeError, ValueError):  # a forged or broken token counts as nothing typed
        return ""
    return str(value) if (user, of) == (request.user.pk, name) else ""


def _again(request: HttpRequest, context: dict[str, Any], refused: Refused) -> None:
    """After a refused confirmation: the difference as it is now, where one can be shown."""
    if request.POST.get("do") != "apply" or refused.field == "text":
        return
    try:
        _preview(request, context)
    except (Wrong, Refused, Denied):
        context["plan"] = None  # the reason stands on the page already


def _apply(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    rows = applying.apply(
        actor_of(request),
        context["text"],
        token=request.POST.get("token", ""),
        prune=context["prune"],
        secrets=_secrets(request),
        reason=context["reason"],
    )
    count = sum(len(row.changes) for row in rows)
    words = ngettext("Applied: %(n)s change.", "Applied: %(n)s changes.", count)
    messages.success(request, words % {"n": count})
    first = rows[0]
    return redirect("containers:service_code" if first.service_id else "containers:environment_code", first.name)
