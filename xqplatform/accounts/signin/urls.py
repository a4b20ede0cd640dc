"""allauth's pages at our addresses, by the names that it asks for. There is no sign-up, and no mail to verify."""

from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as app
from allauth.mfa.webauthn import views as passkeys
from django.urls import path

from xqplatform.accounts.signin import views, views_oidc, views_providers, views_rules

urlpatterns = [
    path("login/", views.SignIn.as_view(), name="account_login"),
    path("login/second/", views.SecondStep.as_view(), name="mfa_authenticate"),
    path("login/passkey/", views.PasskeyStep.as_view(), name="mfa_login_webauthn"),
    path("login/confirm/", views.Confirm.as_view(), name="account_reauthenticate"),
    path("login/confirm/code/", views.ConfirmCode.as_view(), name="mfa_reauthenticate"),
    path("login/confirm/passkey/", views.ConfirmPasskey.as_view(), name="mfa_reauthenticate_webauthn"),
    path("login/oidc/<slug:provider_id>/", views_oidc.begin, name="oidc_login"),
    path("login/oidc/<slug:provider_id>/callback/", views_oidc.back, name="oidc_callback"),
    path("login/oidc/<slug:provider_id>/again/", views_oidc.again, name="oidc_again"),
    path("settings/signing-in/providers/new/", views_providers.provider, name="oidc_new"),
    path("settings/signing-in/providers/<slug:slug>/", views_providers.provider, name="oidc_provider"),
    path("settings/signing-in/providers/<slug:slug>/group/", views_providers.group, name="oidc_group"),
    path("settings/signing-in/providers/<slug:slug>/remove/", views_providers.remove, name="oidc_remove"),
    path("logout/", views.logout, name="account_logout"),
    path("settings/signing-in/", views_rules.rules, name="signin_rules"),
    path("settings/signing-in/unlock/", views_rules.unlock, name="signin_unlock"),
    path("settings/people/<int:pk>/factors/reset/", views_rules.factors_reset, name="factors_reset"),
    path("account/signing-in/", views.SigningIn.as_view(), name="mfa_index"),
    path("account/signing-in/providers/<slug:slug>/link/", views_oidc.link, name="oidc_link"),
    path("account/signing-in/providers/<slug:slug>/unlink/", views_oidc.unlink, name="oidc_unlink"),
    path(
        "account/signing-in/app/",
        app.ActivateTOTPView.as_view(template_name="accounts/signin/app.html"),
        name="mfa_activate_totp",
    ),
    path(
        "account/signing-in/app/remove/",
        app.DeactivateTOTPView.as_view(template_name="accounts/signin/app_remove.html"),
        name="mfa_deactivate_totp",
    ),
    path(
        "account/signing-in/codes/",
        codes.ViewRecoveryCodesView.as_view(template_name="accounts/signin/codes.html"),
        name="mfa_view_recovery_codes",
    ),
    path(
        "account/signing-in/codes/new/",
        codes.GenerateRecoveryCodesView.as_view(template_name="accounts/signin/codes_new.html"),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "account/signing-in/passkeys/add/",
        passkeys.AddWebAuthnView.as_view(template_name="accounts/signin/passkey_add.html"),
        name="mfa_add_webauthn",
    ),
    path(
        "account/signing-in/passkeys/<int:pk>/remove/",
        views.RemovePasskey.as_view(
            template_name="accounts/signin/passkey_remove.html", success_url="/account/signing-in/"
        ),
        name="mfa_remove_webauthn",
    ),
    path(
        "account/signing-in/passkeys/<int:pk>/edit/",
        passkeys.EditWebAuthnView.as_view(
            template_name="accounts/signin/passkey_edit.html", success_url="/account/signing-in/"
        ),
        name="mfa_edit_webauthn",
    ),
]
