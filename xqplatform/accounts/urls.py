from django.urls import path

from xqplatform.accounts import views
from xqplatform.accounts.signin.views import SignIn, logout

app_name = "accounts"
urlpatterns = [
    path("login/", SignIn.as_view(), name="login"),
    path("logout/", logout, name="logout"),
    path("account/", views.account, name="account"),
    path("account/password/", views.password, name="password"),
    path("account/theme/", views.theme, name="theme"),
    path("account/again/", views.sudo_confirm, name="sudo"),
    path("account/sessions/", views.sessions, name="sessions"),
    path("account/sessions/end/", views.sessions_end, name="sessions_end"),
    path("account/sessions/<slug:key>/end/", views.session_end, name="session_end"),
    path("settings/", views.settings_index, name="settings"),
    path("settings/people/", views.people, name="people"),
    path("settings/people/new/", views.person_new, name="person_new"),
    path("settings/people/<int:pk>/", views.person, name="person"),
    path("settings/people/<int:pk>/password/", views.person_password, name="person_password"),
    path("settings/people/<int:pk>/sessions/", views.person_sessions, name="person_sessions"),
    path("settings/people/<int:pk>/sessions/end/", views.person_sessions_end, name="person_sessions_end"),
    path("settings/people/<int:pk>/deactivate/", views.person_deactivate, name="person_deactivate"),
    path("settings/people/<int:pk>/activate/", views.person_activate, name="person_activate"),
    path("settings/invitations/", views.invitations, name="invitations"),
    path("settings/invitations/<int:pk>/renew/", views.invitation_renew, name="invitation_renew"),
    path("settings/invitations/<int:pk>/withdraw/", views.invitation_withdraw, name="invitation_withdraw"),
    path("invitation/<str:token>/", views.invitation, name="invitation"),
    path("settings/teams/", views.teams, name="teams"),
    path("settings/teams/new/", views.team_new, name="team_new"),
    path("settings/teams/<int:pk>/", views.team, name="team"),
    path("settings/teams/<int:pk>/visibility/", views.team_visibility, name="team_visibility"),
    path("settings/teams/<int:pk>/remove/", views.team_remove, name="team_remove"),
    path("settings/service-accounts/", views.service_accounts, name="service_accounts"),
    path("settings/service-accounts/<int:pk>/", views.service_account, name="service_account"),
    path("settings/service-accounts/<int:pk>/active/", views.service_account_active, name="service_account_active"),
    path("settings/tokens/", views.tokens, name="tokens"),
    path("settings/tokens/<int:pk>/revoke/", views.token_revoke, name="token_revoke"),
]
