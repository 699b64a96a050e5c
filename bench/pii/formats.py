"""Public formats of credentials, as their issuers document them, with bodies drawn at random.

The table was written from the issuers' formats and not from the detectors, so that it can contradict them. A pattern
is literal text with holes `<length:alphabet>`; a length may be a range. Where only a part is secret (the password of
an address), that part stands in ⟦ ⟧ and is what must be found. None of what is drawn was ever issued.
"""

import base64
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Final

from bench.pii.rows import Row
from pipeline.adapters.pii.spans import Span

__all__ = ["CONTEXT", "SHAPED", "secrets"]

_DIGITS: Final = "0123456789"
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_UPPER: Final = _LOWER.upper()
_ALPHABETS: Final = {
    "d": _DIGITS,
    "h": "0123456789abcdef",
    "H": "0123456789ABCDEF",
    "l": _LOWER + _DIGITS,
    "u": _UPPER + _DIGITS,
    "a": _LOWER + _UPPER,
    "w": _LOWER + _UPPER + _DIGITS,
    "W": _LOWER + _UPPER + _DIGITS + "_-",
    "b": _LOWER + _UPPER + _DIGITS + "+/",
    "3": _UPPER + "234567",
    "8": "023456789ACDEFGHJKLMNPQRSTUVWXYZ",
}
_HOLE: Final = re.compile(r"<(\d+)(?:-(\d+))?:(\w)>")

SHAPED: Final[dict[str, str]] = {
    "AWS access key": "AKIA<16:3>",
    "AWS temporary key": "ASIA<16:3>",
    "GitHub personal token": "ghp_<36:w>",
    "GitHub OAuth token": "gho_<36:w>",
    "GitHub user-to-server token": "ghu_<36:w>",
    "GitHub server token": "ghs_<36:w>",
    "GitHub refresh token": "ghr_<36:w>",
    "GitHub fine-grained token": "github_pat_<22:w>_<59:w>",
    "GitLab personal token": "glpat-<20:W>",
    "GitLab runner token": "glrt-<20:W>",
    "GitLab deploy token": "gldt-<20:W>",
    "GitLab trigger token": "glptt-<40:h>",
    "Slack bot token": "xoxb-<12:d>-<13:d>-<24:w>",
    "Slack user token": "xoxp-<12:d>-<12:d>-<13:d>-<32:h>",
    "Slack app token": "xapp-1-A<10:u>-<13:d>-<64:h>",
    "Slack webhook": "https://hooks.slack.com/services/T<8-10:u>/B<8-10:u>/<24:w>",
    "Stripe live key": "sk_live_<24-99:w>",
    "Stripe test key": "sk_test_<24:w>",
    "Stripe restricted key": "rk_live_<24-99:w>",
    "Stripe webhook secret": "whsec_<32:w>",
    "Google API key": "AIza<35:W>",
    "Google OAuth secret": "GOCSPX-<28:W>",
    "Google access token": "ya29.<120-180:W>",
    "SendGrid": "SG.<22:W>.<43:W>",
    "Mailgun": "key-<32:h>",
    "Mailchimp": "<32:h>-us<1:d>",
    "Twilio API key": "SK<32:h>",
    "npm token": "npm_<36:w>",
    "PyPI token": "pypi-AgEIcHlwaS5vcmc<80-150:W>",
    "RubyGems": "rubygems_<48:h>",
    "Docker Hub": "dckr_pat_<27:W>",
    "Hugging Face": "hf_<34:a>",
    "OpenAI project key": "sk-proj-<58:W>T3BlbkFJ<58:W>",
    "OpenAI classic key": "sk-<20:w>T3BlbkFJ<20:w>",
    "Anthropic": "sk-ant-api03-<93:W>AA",
    "Groq": "gsk_<52:w>",
    "xAI": "xai-<80:w>",
    "Perplexity": "pplx-<48:w>",
    "Replicate": "r8_<37:w>",
    "DigitalOcean": "dop_v1_<64:h>",
    "Shopify access token": "shpat_<32:h>",
    "Shopify shared secret": "shpss_<32:h>",
    "Square access token": "sq0atp-<22:W>",
    "Square secret": "sq0csp-<43:W>",
    "Linear": "lin_api_<40:w>",
    "Notion": "ntn_<11:d><35:w>",
    "Atlassian": "ATATT3xFfGF0<170-190:W>=<8:H>",
    "Telegram bot": "<9-10:d>:AA<33:W>",
    "Discord webhook": "https://discord.com/api/webhooks/<18-19:d>/<68:W>",
    "Discord bot": "M<23-25:W>.<6:W>.<27-38:W>",
    "Databricks": "dapi<32:h>",
    "Heroku": "HRKU-AA<58:W>",
    "Vault service token": "hvs.<90-110:W>",
    "Terraform Cloud": "<14:w>.atlasv1.<60-70:W>",
    "Grafana service account": "glsa_<32:w>_<8:h>",
    "New Relic": "NRAK-<27:u>",
    "Sentry user token": "sntryu_<64:h>",
    "Postman": "PMAK-<24:h>-<34:h>",
    "Pulumi": "pul-<40:h>",
    "Doppler": "dp.pt.<43:w>",
    "age secret key": "AGE-SECRET-KEY-1<58:8>",
    "Azure storage key": "DefaultEndpointsProtocol=https;AccountName=<8:l>;AccountKey=⟦<86:b>==⟧;BlobEndpoint=x",
    "Azure client secret": "<3:w>8Q~<34:W>",
    "PlanetScale token": "pscale_tkn_<43:W>",
    "Supabase": "sbp_<40:h>",
    "Tailscale": "tskey-auth-<12:w>CNTRL-<32:w>",
    "Airtable": "pat<14:w>.<64:h>",
    "Figma": "figd_<40:W>",
    "Buildkite": "bkua_<40:h>",
    "CircleCI": "CCIPAT_<22:w>_<40:h>",
    "SonarQube": "sqp_<40:h>",
    "Artifactory": "AKCp<69:w>",
    "Netlify": "nfp_<36:w>",
    "EasyPost": "EZAK<54:w>",
    "Flutterwave": "FLWSECK-<32:h>-X",
    "Braintree": "access_token$production$<16:l>$<32:h>",
    "Contentful": "CFPAT-<43:W>",
    "Dynatrace": "dt0c01.<24:u>.<64:u>",
    "Facebook": "EAACEdEose0cBA<80-120:w>",
    "Postgres URL": "postgresql://app_<4:l>:⟦<16:w>⟧@db<2:d>.example.net:5432/main",
    "MongoDB URL": "mongodb+srv://svc<3:l>:⟦<14:w>⟧@cluster0.<5:l>.mongodb.net/prod",
    "MySQL URL": "mysql://root:⟦<12:w>⟧@10.0.0.<2:d>/shop",
    "Redis URL": "redis://default:⟦<24:w>⟧@cache.example.net:6379/0",
    "AMQP URL": "amqps://worker:⟦<18:w>⟧@mq.example.net/vhost",
    "password in a URL": "https://deploy:⟦<20:w>⟧@git.example.net/team/app.git",
}
"""Credentials whose own form gives them away."""

CONTEXT: Final[dict[str, str]] = {
    "AWS secret key": "aws_secret_access_key = ⟦<40:b>⟧",
    "Authorization bearer": "Authorization: Bearer ⟦<40-60:W>⟧",
    "Authorization basic": "Authorization: Basic ⟦<40:w>==⟧",
    "Datadog": "DD_API_KEY=⟦<32:h>⟧",
    "Cloudflare": "CLOUDFLARE_API_TOKEN=⟦<40:W>⟧",
    "Algolia": "ALGOLIA_ADMIN_KEY: ⟦<32:h>⟧",
    "Okta": "Authorization: SSWS ⟦00<40:W>⟧",
    "X-Api-Key header": "X-API-Key: ⟦<32:w>⟧",
    "Twilio auth token": "TWILIO_AUTH_TOKEN=⟦<32:h>⟧",
    "client secret": '"client_secret": "⟦<32:w>⟧"',
    "password setting": "DB_PASSWORD=⟦<10:w>!<4:w>⟧",
    "Django key": "SECRET_KEY = '⟦django-insecure-<50:w>⟧'",
}
"""Credentials that are plain random text: the name beside them gives them away."""

_CARRIERS: Final = (
    "Why does this fail? I use {} for the call.",
    "{}",
    "export SERVICE_TOKEN={}",
    'client = connect("{}", timeout=3)',
    "curl -H 'X-Auth: {}' https://api.example.net/v1/items",
    "key: {}\nregion: eu-1\n",
    "Please rotate {}, it went into the chat by mistake.",
)
_ALONE: Final = ("{}", "My settings are:\n{}\nand it does not start.", "# .env\nDEBUG=0\n{}\nPORT=80\n")


def _drawn(pattern: str, draw: random.Random) -> str:
    def hole(found: re.Match[str]) -> str:
        least, most, alphabet = int(found[1]), int(found[2] or found[1]), _ALPHABETS[found[3]]
        return "".join(draw.choices(alphabet, k=draw.randint(least, most)))

    return _HOLE.sub(hole, pattern)


def _jwt(draw: random.Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = {"sub": str(draw.randrange(10**9)), "iat": draw.randrange(10**9), "scope": "read"}
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{_drawn('<43:W>', draw)}"


def _pem(kind: str) -> Callable[[random.Random], str]:
    def make(draw: random.Random) -> str:
        body = "\n".join(_drawn("<64:b>", draw) for _ in range(draw.randint(3, 8)))
        return f"-----BEGIN {kind}-----\n{body}\n{_drawn('<20:b>', draw)}==\n-----END {kind}-----"

    return make


_MADE: Final[dict[str, Callable[[random.Random], str]]] = {
    "JSON web token": _jwt,
    **{
        kind.lower(): _pem(kind)
        for kind in ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY",
                     "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK")
    },
}  # fmt: skip


def _placed(carrier: str, text: str) -> Row:
    """The text in its carrier, labelled where it is marked, or as a whole."""
    marked = text if "⟦" in text else f"⟦{text}⟧"
    before, _, after = carrier.replace("{}", marked).partition("⟦")
    value, _, after = after.partition("⟧")
    return Row(before + value + after, (Span("SECRET", len(before), len(before) + len(value), 1.0),))


def secrets(seed: int, each: int = 10) -> Iterator[tuple[str, Row]]:
    """Name of the format and a text with one credential of it, `each` times per format."""
    draw = random.Random(seed)
    shaped = {name: lambda draw, pattern=pattern: _drawn(pattern, draw) for name, pattern in SHAPED.items()}
    for name, make in (shaped | _MADE).items():
        for _ in range(each):
            yield name, _placed(draw.choice(_CARRIERS), make(draw))
    for name, pattern in CONTEXT.items():
        for _ in range(each):
            yield name, _placed(draw.choice(_ALONE), _drawn(pattern, draw))
