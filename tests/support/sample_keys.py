"""Made-up credentials in the forms that their issuers publish, drawn anew from a seed; none was ever valid."""

import random
import re
import string
from base64 import b64encode
from collections.abc import Iterator

__all__ = ["KEYS", "SETTINGS", "draw", "key_block", "samples"]

_ALPHABETS = {
    "a": string.ascii_letters + string.digits,
    "w": string.ascii_letters + string.digits + "_-",
    "h": "0123456789abcdef",
    "u": string.ascii_uppercase + string.digits,
    "l": string.ascii_lowercase + string.digits,
    "b": string.ascii_letters + string.digits + "+/",
    "d": string.digits,
    "t": string.ascii_letters,
}
_FIELD = re.compile(r"\{([awhulbdt])(\d+)\}|\{uuid\}")

KEYS = {
    "aws access key": "AKIA{u16}", "aws temporary key": "ASIA{u16}", "aws bedrock": "ABSK{b128}=",
    "aws session token": "IQoJb3JpZ2luX2Vj{b300}==", "aws marketplace": "amzn.mws.{uuid}", "google api": "AIza{w35}",
    "google oauth token": "ya29.{w120}", "google client secret": "GOCSPX-{w28}", "google refresh": "1//0{w100}",
    "firebase messaging": "AAAA{w7}:APA91b{w134}", "azure client secret": "{a3}8Q~{a34}",
    "azure storage": "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={b86}==",
    "azure service bus": "Endpoint=sb://x.example.net/;SharedAccessKeyName=Root;SharedAccessKey={b43}=",
    "azure sas": "https://acme.blob.example.net/c?sv=2022-11-02&sp=r&sig={a40}%2B%3D",
    "azure devops": "{a76}AZDO{a4}", "digitalocean": "dop_v1_{h64}", "digitalocean oauth": "doo_v1_{h64}",
    "alibaba": "LTAI{a20}", "tencent": "AKID{a32}", "yandex": "AQVN{w35}", "cloudflare origin": "v1.0-{h24}-{h146}",
    "cloudflare user": "cfut_{a40}", "heroku": "HRKU-{uuid}", "scaleway": "SCW{u17}", "fly.io": "fm2_{b200}",
    "netlify": "nfp_{a36}", "vercel": "vcp_{a56}", "tailscale": "tskey-auth-{a11}CNTRL-{a32}", "pulumi": "pul-{h40}",
    "terraform": "{a14}.atlasv1.{a67}", "github classic": "ghp_{a36}", "github oauth": "gho_{a36}",
    "github user": "ghu_{a36}", "github server": "ghs_{a36}", "github refresh": "ghr_{a76}",
    "github fine-grained": "github_pat_{a22}_{a59}", "gitlab": "glpat-{w20}", "gitlab deploy": "gldt-{w20}",
    "gitlab runner": "glrt-{w20}", "gitlab trigger": "glptt-{h40}", "gitlab feed": "glft-{w20}",
    "gitlab agent": "glagent-{w50}", "gitlab routable": "glpat-{w27}.01.{l9}", "bitbucket": "ATBB{a32}",
    "atlassian": "ATATT3xFfGF0{w170}={h8}", "trello": "ATTA{h64}", "npm": "npm_{a36}",
    "pypi": "pypi-AgEIcHlwaS5vcmc{w150}", "rubygems": "rubygems_{h48}", "crates.io": "cio{a32}",
    "clojars": "CLOJARS_{l60}", "nuget": "oy2{l43}", "docker": "dckr_pat_{w27}", "jfrog": "AKCp{a69}",
    "circleci": "CCIPAT_{a22}_{h40}", "buildkite": "bkua_{h40}", "sonarqube": "squ_{h40}",
    "postman": "PMAK-{h24}-{h34}", "vault": "hvs.{w95}", "vault batch": "hvb.{w138}", "vault older": "s.{a12}1{a11}",
    "doppler": "dp.pt.{a43}", "doppler service": "dp.st.prd.{a43}", "1password": "A3-{u6}-{u11}-{u5}-{u5}-{u5}",
    "age": "AGE-SECRET-KEY-1{u58}", "slack bot": "xoxb-{d12}-{d13}-{a24}",
    "slack user": "xoxp-{d12}-{d12}-{d13}-{h32}", "slack app": "xapp-1-A{u10}-{d13}-{h64}",
    "slack webhook": "https://hooks.slack.com/services/T{u8}/B{u10}/{a24}", "discord bot": "M{a23}.{a6}.{w38}",
    "discord webhook": "https://discord.com/api/webhooks/{d18}/{w68}", "telegram": "7{d9}:AA{w33}",
    "teams webhook": "https://acme.webhook.office.com/webhookb2/{uuid}@{uuid}/IncomingWebhook/{h32}/{uuid}",
    "twilio key": "SK{h32}", "twilio account": "AC{h32}", "sendgrid": "SG.{w22}.{w43}", "mailgun": "key-{h32}",
    "mailchimp": "{h32}-us12", "brevo": "xkeysib-{h64}-{a16}", "resend": "re_{a8}_{a24}", "facebook": "EAA{a120}",
    "twitter": "AAAAAAAAAAAAAAAAAAAAA{a80}", "intercom": "dG9rO{b55}=", "stripe": "sk_live_{a24}",
    "stripe test": "sk_test_{a99}", "stripe restricted": "rk_live_{a24}", "stripe webhook": "whsec_{a32}",
    "square": "sq0atp-{w22}", "square secret": "sq0csp-{w43}", "square token": "EAAA{w60}", "shopify": "shpat_{h32}",
    "shopify app": "shpss_{h32}", "braintree": "access_token$production${l16}${h32}",
    "flutterwave": "FLWSECK-{l32}-X", "razorpay": "rzp_live_{a14}", "plaid": "access-production-{uuid}",
    "easypost": "EZAK{a54}", "shippo": "shippo_live_{h40}", "duffel": "duffel_test_{w43}",
    "openai": "sk-{a20}T3BlbkFJ{a20}", "openai project": "sk-proj-{w70}9{w50}", "anthropic": "sk-ant-api03-{w93}AA",
    "openrouter": "sk-or-v1-{h64}", "deepseek": "sk-{h32}", "hugging face": "hf_{t34}", "groq": "gsk_{a52}",
    "nvidia": "nvapi-{w64}", "replicate": "r8_{a37}", "perplexity": "pplx-{a48}", "xai": "xai-{a80}",
    "langsmith": "lsv2_pt_{h32}_{h10}", "pinecone": "pcsk_{a6}_{a63}", "tavily": "tvly-dev-{a32}",
    "elevenlabs": "sk_{h48}", "new relic": "NRAK-{u27}", "new relic ingest": "NRII-{w32}",
    "grafana": "glsa_{a32}_{h8}", "grafana cloud": "glc_{b120}=", "sentry": "sntrys_eyJ{b100}_{b43}",
    "sentry user": "sntryu_{h64}", "dynatrace": "dt0c01.{u24}.{u64}", "posthog": "phx_{a43}",
    "planetscale": "pscale_tkn_{w43}", "planetscale password": "pscale_pw_{w43}", "databricks": "dapi{h32}",
    "databricks, numbered": "dapi{h32}-2", "supabase": "sbp_{h40}", "airtable": "pat{a14}.{h64}",
    "contentful": "CFPAT-{w43}", "linear": "lin_api_{a40}", "notion": "ntn_{d11}{a35}",
    "notion older": "secret_{a43}", "figma": "figd_{w40}", "asana": "1/{d16}:{h32}", "typeform": "tfp_{w44}",
    "hubspot": "pat-na1-{uuid}", "clickup": "pk_{d8}_{u32}", "salesforce": "00D{a12}!AQ{a94}",
    "rapidapi": "{l10}msh{l15}p1{l6}jsn{l12}", "jwt": "eyJ{w33}.eyJ{w70}.{w43}",
    "jwt, encrypted": "eyJ{w60}.{w200}.{w16}.{w120}.{w22}", "paseto": "v4.local.{w120}",
    "postgres": "postgres://app:{a12}@db.internal:5432/app", "mongodb": "mongodb+srv://app:{a16}@c0.example.net/?w=1",
    "redis, no user": "redis://:{a20}@cache.internal:6379/0", "amqp": "amqps://svc:{a10}@mq.internal/%2f",
    "https login": "https://ci:{a20}@git.example.com/x.git",
    "jdbc": "jdbc:sqlserver://db:1433;user=sa;password={a12};",
}  # fmt: skip
"""Issuer → form; `{a16}` is sixteen characters of an alphabet, `{uuid}` a random UUID."""

SETTINGS = {
    "aws secret": "aws_secret_access_key = {b40}", "aws secret, export": "export AWS_SECRET_ACCESS_KEY={b40}",
    "datadog": "DD_API_KEY={h32}", "datadog app": "datadog_app_key: {h40}", "heroku": "heroku api key is {uuid}",
    "cloudflare": "CLOUDFLARE_API_TOKEN={w40}", "linode": 'linode_token = "{h64}"', "fastly": "Fastly-Key: {w32}",
    "okta": "Authorization: SSWS 00{w40}", "twilio token": 'auth_token="{h32}"', "coinbase": "coinbase secret {a40}",
    "algolia": "ALGOLIA_ADMIN_KEY={h32}", "circleci": "CIRCLECI_TOKEN={h40}", "mistral": "MISTRAL_API_KEY={a32}",
    "python": 'password = "{a6}7{a5}"', "java": 'String password = "{a6}7x{a5}!";', "go": 'Password: "{a6}7{a5}",',
    "javascript": "const apiKey = '{a6}7{a20}';", "php": "define('DB_PASSWORD', '{a6}7{a5}');",
    "ruby": ":password => '{a6}7{a5}'", "yaml": "  db_password: {t5}7{a3}8x",
    "json": '{"client_secret": "{a6}7{a24}"}', "env": "SECRET_KEY={t6}7{a20}9", "toml": "access_token = '{t6}7{a20}'",
    "xml": "<password>{t6}7{a5}9x</password>", "query": "https://api.example.com/v1?api_key={t6}7{a20}9x&q=1",
    "bearer": "Authorization: Bearer {t6}7{a24}9x", "netrc": "machine api.example.com login joe password {a12}",
    "curl": "curl -X GET -u joe:{a12} https://x.example",
    "ado.net": "Server=db;Database=app;User Id=sa;Password={a12};",
    "libpq": "host=db user=app password={a12} dbname=x", "sql": "CREATE USER app IDENTIFIED BY '{a12}';",
    "command": "tool --password {t4}7{a6}9x --force", "sentence": "my password is {t5}7{a4}9x.",
    "german": "Das Passwort lautet {t5}7{a4}9x", "french": "mot de passe : {t5}7{a4}9x",
    "spanish": "la contraseña es {t5}7{a4}9x", "polish": "hasło: {t5}7{a4}9x", "russian": "пароль: {t5}7{a4}9x",
    "chinese": "密码:{t5}7{a4}9x", "portuguese": "a senha é {t5}7{a4}9x", "italian": "la password è {t5}7{a4}9x",
    "azure ai": "AZURE_OPENAI_API_KEY={h32}", "wireguard": "PrivateKey = {b43}=",
}  # fmt: skip
"""Credentials without a form of their own, with the words that give them away."""


def draw(form: str, dice: random.Random) -> str:
    """`form` with every field filled."""

    def fill(field: re.Match[str]) -> str:
        if field[1] is None:
            h = "".join(dice.choices(_ALPHABETS["h"], k=32))
            return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
        return "".join(dice.choices(_ALPHABETS[field[1]], k=int(field[2])))

    return _FIELD.sub(fill, form)


def samples(forms: dict[str, str], number: int, seed: int) -> Iterator[tuple[str, str]]:
    """`number` of each form, by name."""
    dice = random.Random(seed)
    for name, form in forms.items():
        for _ in range(number):
            yield name, draw(form, dice)


def key_block(kind: str, dice: random.Random, size: int = 1200) -> str:
    """A private key in lines of 64, as PEM."""
    body = b64encode(dice.randbytes(size)).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {kind}PRIVATE KEY-----", *lines, f"-----END {kind}PRIVATE KEY-----"])
