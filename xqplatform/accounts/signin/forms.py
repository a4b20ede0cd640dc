"""allauth's forms with our words and limits."""

from __future__ import annotations

import struct
from typing import Any

from allauth.account.forms import LoginForm, ReauthenticateForm
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateCodeForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xqplatform.accounts.signin import lockout, onetime

STUMBLES = (KeyError, IndexError, TypeError, ValueError, AttributeError, struct.error)


def _password(label: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
    return forms.CharField(label=label, widget=widget, strip=False, max_length=256)


def _code() -> forms.CharField:
    attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false", "autofocus": True}
    return forms.CharField(label=gettext_lazy("Code"), max_length=20, widget=forms.TextInput(attrs=attrs))


class SignInForm(LoginForm):
    """Name and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        attrs = {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        self.fields = {
            "username": forms.CharField(
                label=gettext_lazy("Username"), max_length=150, widget=forms.TextInput(attrs=attrs)
            ),
            "password": _password(gettext_lazy("Password")),
        }

    def clean(self) -> dict[str, Any]:
        # allauth's own name of the field.
        self.cleaned_data["login"] = self.cleaned_data.get("username", "").strip()
        cleaned: dict[str, Any] = super().clean()
        if not self._errors and self.user is not None and not self.user.is_active:
            raise ValidationError(_("This account is deactivated. An SRE can activate it again."), code="inactive")
        return cleaned


class ConfirmForm(ReauthenticateForm):
    """The password once more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"] = _password(gettext_lazy("Password"))
        self.fields["password"].widget.attrs["autofocus"] = True


class Guarded:
    """A wrong code counts like a wrong password; so does one that was used already, in whichever process."""

    user: Any
    authenticator: Any

    def clean_code(self) -> str:
        name = self.user.get_username()
        lockout.check(context.request, name)
        try:
            code: str = super().clean_code()  # type: ignore[misc]
            if self.authenticator.type == Authenticator.Type.TOTP and not onetime.claim(self.authenticator, code):
                raise get_adapter().validation_error("incorrect_code")
            return code
        except ValidationError:
            lockout.failed(context.request, name)
            raise


class CodeForm(Guarded, AuthenticateForm):
    """The second step of signing in: a code of the app, or a recovery code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = _code()


class ConfirmCodeForm(Guarded, ReauthenticateCodeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = _code()


class AppForm(ActivateTOTPForm):
    """A first code shows that the app has the secret."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = _code()
        self.fields["code"].label = gettext_lazy("Code that the app shows now")


class Answered:
    """What should be a passkey's answer may be anything: what the library stumbles over is a wrong one."""

    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()  # type: ignore[misc]
        except STUMBLES:
            raise get_adapter().validation_error("incorrect_code") from None


class PasskeySignInForm(Answered, LoginWebAuthnForm):
    pass


class PasskeySecondForm(Answered, AuthenticateWebAuthnForm):
    pass


class PasskeyAgainForm(Answered, ReauthenticateWebAuthnForm):
    pass


class PasskeyForm(AddWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = gettext_lazy("Name")
        self.fields["name"].max_length = 60
        self.fields["name"].help_text = gettext_lazy("By which you know it again, such as «laptop».")
        self.fields["passwordless"].label = gettext_lazy("Sign in with it alone")
        self.fields["passwordless"].initial = True
        self.fields["passwordless"].help_text = gettext_lazy(
            "Without a password; the device then asks for a finger, a face or a PIN. Off: it is a second factor."
        )

    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()  # type: ignore[no-any-return]
        except STUMBLES:
            raise get_adapter().validation_error("incorrect_code") from None


class PasskeyNameForm(EditWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = forms.CharField(label=gettext_lazy("Name"), max_length=60)


class RulesForm(forms.Form):
    """Roles that need a second factor."""

    roles = forms.MultipleChoiceField(
        label=gettext_lazy("People of these roles need a second factor"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Whoever has none is led to set one up, and can do nothing else before."),
    )

    def __init__(self, *args: Any, roles: list[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].choices = roles  # type: ignore[attr-defined]
