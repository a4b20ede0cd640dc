"""Certificates: the platform's authorities, what is in use on hosts with its days left, what was issued."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hosts.models import Authority, Host, IssuedCertificate, SeenCertificate
from hosts.services import certificates
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import can
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table


@require_http_methods(["GET", "POST"])
def overview(request: ActorRequest) -> HttpResponse:
    error = ""
    if request.method == "POST":
        try:
            row = certificates.make_authority(request.actor, request.POST.get("name", ""))
            words = _(
                "%(name)s issues certificates from now on. Rotate the hosts' certificates, then retire the old one."
            )
            messages.success(request, words % {"name": row})
            return redirect("hosts:certificates")
        except Refused as refusal:
            error = refusal.message
    rows = SeenCertificate.objects.exclude(host__state=Host.State.RETIRED).select_related("host")
    table = Table(
        request,
        rows,
        search=["host__name", "subject", "issuer", "fingerprint"],
        sorts={"end": ["not_after", "host__name"], "host": "host__name", "kind": "kind", "issuer": "issuer"},
        default="end",
        filters={
            "kind": Filter(_("Kind"), list(SeenCertificate.Kind.choices), "kind"),
            "by": Filter(
                _("Issued by"),
                [("us", _("the platform")), ("others", _("others"))],
                lambda rows, by: rows.filter(ours=by == "us"),
            ),
        },
    )
    used = Count("issued", filter=Q(issued__superseded=None, issued__host__isnull=False) & ~Q(issued__installed=None))
    context = {
        "table": table,
        "error": error,
        "typed": request.POST.get("name", ""),
        "authorities": Authority.objects.annotate(used=used),
        "issued": IssuedCertificate.objects.select_related("host", "authority").defer("key", "certificate")[:50],
        "warnings": certificates.warnings()[:20],
        "may": can(request.actor, "host.manage"),
    }
    return render(request, "hosts/certificates.html", context, status=400 if error else 200)


@require_POST
def retire(request: ActorRequest, pk: int) -> HttpResponse:
    row = certificates.retire_authority(request.actor, get_object_or_404(Authority, pk=pk))
    words = _("%(name)s is retired. Each host leaves it out at its next rotation.")
    messages.success(request, words % {"name": row})
    return redirect("hosts:certificates")


@require_GET
def download(request: ActorRequest, pk: int) -> HttpResponse:
    """The authority's certificate, which is public; its key never leaves the platform."""
    row = get_object_or_404(Authority, pk=pk)
    answer = HttpResponse(row.certificate, content_type="application/x-pem-file")
    answer["Content-Disposition"] = f'attachment; filename="xqplatform-ca-{row.pk}.pem"'
    return answer
