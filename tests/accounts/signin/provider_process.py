"""An OpenID Connect provider as a process of its own: `python provider_process.py`, prints its port.

It checks what a provider checks (client, redirect address, PKCE, one use of a code, the client's secret) and signs RS256.
`POST /control` says who signs in next, and what shall be wrong with the token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "xqplatform", "client secret 雪"
CALLBACK = "http://testserver/login/oidc/corp/callback/"
GOOD, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))
STATE: dict[str, Any] = {"claims": {"sub": "subject-1"}, "wrong": "", "userinfo": {}, "callback": CALLBACK}
CODES: dict[str, dict[str, str]] = {}


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, body: Any, status: int = 200, **headers: str) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        if path == "/.well-known/openid-configuration":
            issuer = "http://127.0.0.1:1" if STATE["wrong"] == "issuer of discovery" else self.issuer
            if STATE["wrong"] == "away":
                return self.answer({}, 503)
            names = ("authorization", "token", "userinfo")
            found = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in names}
            more = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
            return self.answer({"issuer": issuer, "jwks_uri": f"{self.issuer}/keys", **found, **more})
        if path == "/keys":
            jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(GOOD.public_key()))
            return self.answer({"keys": [jwk | {"kid": "good", "use": "sig", "alg": "RS256"}]})
        if path == "/userinfo":
            return self.answer(STATE["userinfo"])
        return self.authorize(query) if path == "/authorization" else self.answer({}, 404)

    def authorize(self, query: dict[str, str]) -> None:
        fine = (
            query.get("client_id") == CLIENT
            and query.get("redirect_uri") == STATE["callback"]
            and query.get("response_type") == "code"
            and "openid" in query.get("scope", "").split()
            and query.get("code_challenge_method") == "S256"
            and len(query.get("code_challenge", "")) >= 43
            and len(query.get("nonce", "")) >= 16
            and query.get("state")
        )
        if not fine:
            return self.answer({"error": "invalid_request", "asked": query}, 400)
        if STATE["wrong"] == "cancelled":
            back = {"error": "access_denied", "state": query["state"]}
        else:
            code = secrets.token_urlsafe(16)
            CODES[code] = query
            back = {"code": code, "state": query["state"]}
        return self.answer({}, 302, Location=f"{STATE['callback']}?{urlencode(back)}")

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path == "/control":
            STATE.update(json.loads(raw))
            return self.answer({})
        asked = dict(parse_qsl(raw))
        begun = CODES.pop(asked.get("code", ""), None)
        proof = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        fine = (
            begun is not None
            and asked.get("redirect_uri") == STATE["callback"]
            and (asked.get("client_id"), asked.get("client_secret")) == (CLIENT, SECRET)
            and base64.urlsafe_b64encode(proof).decode().rstrip("=") == begun["code_challenge"]
        )
        if not fine:
            return self.answer({"error": "invalid_grant"}, 400)
        return self.answer({"access_token": "a", "token_type": "Bearer", "id_token": self.token(begun)})

    def token(self, begun: dict[str, str]) -> str:
        now, wrong, nonce = int(time.time()), STATE["wrong"], begun["nonce"]
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce} | STATE["claims"]
        if begun.get("max_age") == "0":  # asked anew, as OpenID Connect Core 3.1.2.1 has it
            claims["auth_time"] = now
        claims |= {
            "not asked anew": {"auth_time": now - 3600},
            "from the future": {"auth_time": now + 3600},
            "no time": {"auth_time": "now"},
        }.get(wrong, {})
        claims |= {
            "nonce": {"nonce": "another nonce"},
            "audience": {"aud": "somebody else"},
            "audiences": {"aud": [CLIENT, "somebody else"], "azp": "somebody else"},
            "issuer": {"iss": "https://evil.example"},
            "expired": {"exp": now - 3600, "iat": now - 7200},
        }.get(wrong, {})
        if wrong == "no nonce":
            del claims["nonce"]
        if wrong == "unsigned":
            return jwt.encode(claims, None, algorithm="none", headers={"kid": "good"})
        if wrong == "symmetric":
            return jwt.encode(
                claims, "the public key, as one might guess, " * 2, algorithm="HS256", headers={"kid": "good"}
            )
        kid = "unknown" if wrong == "unknown key" else "good"
        return jwt.encode(claims, OTHER if wrong == "signature" else GOOD, algorithm="RS256", headers={"kid": kid})


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    print(server.server_address[1], flush=True)
    server.serve_forever()
