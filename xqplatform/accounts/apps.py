from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "xqplatform.accounts"
    label = "accounts"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from xqplatform.accounts import leaving, sudo
        from xqplatform.accounts.sessions import verbs
        from xqplatform.accounts.signin import again
        from xqplatform.secrets import known

        known.SCOPED["signin.factorsecret.secret"] = known.text  # nobody but the platform has them
        known.EVERYWHERE |= {"accounts.invitation.link": known.address, "signin.provider.secret": known.text}

        user_logged_in.connect(verbs.begin, dispatch_uid="accounts.sessions")
        leaving.register(*leaving.OWN)
        sudo.PROOFS += [again.code, again.passkey]
        sudo.OFFERS.append(again.offers)
        sudo.MOMENTS.append(again.last)
        sudo.PROVEN.append(again.proven)
