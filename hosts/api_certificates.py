"""Certificates over the API: authorities (their public part), what is in use on hosts, what was issued. Never a key."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from hosts.models import Authority, Host, IssuedCertificate, SeenCertificate
from hosts.services import certificates
from xqplatform.accounts.http import actor_of

router = Router(tags=["certificates"])


class AuthorityOut(Schema):
    id: int
    name: str
    state: str
    fingerprint: str
    not_after: datetime
    certificate: str


class AuthorityIn(Schema):
    model_config = {"extra": "forbid"}
    name: str = ""


class InUseOut(Schema):
    """A certificate in use on a host. `due`: fine, due (30 days before its end), expired."""

    host: str
    kind: str
    subject: str
    issuer: str
    fingerprint: str
    not_after: datetime
    days_left: int
    due: str
    ours: bool
    seen: datetime

    @staticmethod
    def resolve_host(row: SeenCertificate) -> str:
        return row.host.name


class IssuedOut(Schema):
    host: str | None
    authority: str
    kind: str
    subject: str
    serial: str
    fingerprint: str
    not_after: datetime
    created: datetime
    installed: datetime | None
    superseded: datetime | None

    @staticmethod
    def resolve_host(row: IssuedCertificate) -> str | None:
        return row.host.name if row.host else None

    @staticmethod
    def resolve_authority(row: IssuedCertificate) -> str:
        return row.authority.name


@router.get("/certificates", response=list[InUseOut])
@paginate(LimitOffsetPagination)
def list_certificates(request: HttpRequest) -> Any:
    """Certificates in use on hosts, the first to end first."""
    rows = SeenCertificate.objects.exclude(host__state=Host.State.RETIRED).select_related("host")
    return rows.order_by("not_after", "pk")


@router.get("/certificates/issued", response=list[IssuedOut])
@paginate(LimitOffsetPagination)
def list_issued(request: HttpRequest) -> Any:
    return IssuedCertificate.objects.select_related("host", "authority").order_by("-pk")


@router.get("/certificates/authorities", response=list[AuthorityOut])
@paginate(LimitOffsetPagination)
def list_authorities(request: HttpRequest) -> Any:
    return Authority.objects.order_by("-pk")


@router.post("/certificates/authorities", response={201: AuthorityOut})
def create_authority(request: HttpRequest, data: AuthorityIn) -> Any:
    """A new authority issues from now on; the one before it stays trusted."""
    return Status(201, certificates.make_authority(actor_of(request), data.name))


@router.post("/certificates/authorities/{pk}/retire", response=AuthorityOut)
def retire_authority(request: HttpRequest, pk: int) -> Any:
    return certificates.retire_authority(actor_of(request), get_object_or_404(Authority, pk=pk))
