"""Answers for those who asked for numbers or a file instead of a page."""

from __future__ import annotations

from django.http import JsonResponse

from xqplatform.errors import Refused


def refusal(refused: Refused) -> JsonResponse:
    """The reason and its field, as the API says it."""
    return JsonResponse({"error": refused.message, "field": refused.field}, status=refused.code)
