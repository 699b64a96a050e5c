"""Keys and tokens whose form their issuer has published: a fixed part, and what stands around it.

The fixed part is what makes a form free of charge where it does not occur. Lengths are bounds, not exact, where an
issuer has changed them before. Forms without any fixed part are found by the words beside them, in `assignments`.
"""

import re
from functools import cache
from typing import Final, NamedTuple

__all__ = ["FORMATS", "Format"]


class Format(NamedTuple):
    """How the credentials of one issuer look.

    Attributes:
        name: issuer and kind, for people.
        literal: what every credential of this form contains.
        expression: the whole form; a group named `secret`, if there is one, is the part to hide.
        score: how sure a match is.
    """

    name: str
    literal: str
    expression: str
    score: float

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression, compiled when it is first needed: few of them ever are."""
        return _compiled(self.expression)


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


_SURE: Final = 0.95
_A: Final = "[A-Za-z0-9]"
_W: Final = r"[A-Za-z0-9_-]"
_H: Final = "[a-f0-9]"
_X: Final = "[A-Fa-f0-9]"
_U: Final = "[A-Z0-9]"
_B: Final = "[A-Za-z0-9+/]"
_UUID: Final = f"{_X}{{8}}-{_X}{{4}}-{_X}{{4}}-{_X}{{4}}-{_X}{{12}}"


def _starts(name: str, literal: str, rest: str, score: float = _SURE) -> Format:
    """A form that begins with its fixed part."""
    return Format(name, literal, rf"(?<![A-Za-z0-9]){re.escape(literal)}{rest}", score)


def _holds(name: str, literal: str, pattern: str, score: float = _SURE) -> Format:
    """A form that has its fixed part somewhere."""
    return Format(name, literal, pattern, score)


def _ends(characters: str) -> str:
    return f"(?!{characters})"


_CLOUD: Final = (
    *(
        _starts(f"aws access key id {head}", head, f"{_U}{{16}}{_ends(_A)}")
        for head in ("AKIA", "ASIA", "ABIA", "ACCA")
    ),
    _starts("aws session token", "IQoJb3JpZ2lu", f"{_B}{{60,2048}}={{0,2}}"),
    _starts("aws session token, older", "FwoGZXIvYXdz", f"{_B}{{60,2048}}={{0,2}}"),
    _starts("aws bedrock key", "ABSK", f"{_B}{{100,256}}={{0,2}}"),
    _starts("aws marketplace", "amzn.mws.", _UUID),
    _starts("google api key", "AIza", f"{_W}{{35}}{_ends(_W)}"),
    _starts("google oauth access token", "ya29.", r"[\w.-]{20,512}"),
    _starts("google oauth client secret", "GOCSPX-", f"{_W}{{20,64}}"),
    _starts("google oauth refresh token", "1//0", f"{_W}{{30,200}}"),
    _starts("firebase messaging server key", "AAAA", f"{_W}{{7}}:APA91b{_W}{{100,200}}"),
    _holds("azure client secret", "Q~", r"(?<![\w~.-])[\w~.-]{3}[78]Q~[\w~.-]{31,34}(?![\w~-])"),
    _starts("azure storage account key", "AccountKey=", f"(?P<secret>{_B}{{40,100}}={{0,2}})"),
    _starts("azure shared access key", "SharedAccessKey=", f"(?P<secret>{_B}{{40,100}}={{0,2}})"),
    _holds("azure shared access signature", "sig=", r"[?&;]sig=(?P<secret>[A-Za-z0-9%+/]{40,120}(?:%3[Dd]|=){0,2})"),
    _holds("azure devops token", "AZDO", f"(?<!{_A}){_A}{{70,80}}AZDO{_A}{{4}}{_ends(_A)}"),
    _holds("azure ai key", "JQQJ99", f"(?<!{_A}){_A}{{20,60}}JQQJ99{_A}{{8,40}}"),
    *(_starts(f"digitalocean {head}", head, f"{_H}{{40,80}}") for head in ("dop_v1_", "doo_v1_", "dor_v1_")),
    _starts("alibaba access key id", "LTAI", f"{_A}{{12,26}}{_ends(_A)}"),
    _starts("tencent secret id", "AKID", f"{_A}{{32,40}}{_ends(_A)}"),
    _starts("yandex api key", "AQVN", f"{_W}{{30,48}}{_ends(_W)}"),
    _starts("yandex oauth token", "y0_", f"{_W}{{50,80}}"),
    _starts("cloudflare origin ca key", "v1.0-", f"{_H}{{24}}-{_H}{{100,200}}"),
    *(_starts(f"cloudflare {head}", head, f"{_W}{{36,64}}") for head in ("cfut_", "cfat_", "cfk_")),
    _starts("heroku key", "HRKU-", f"{_W}{{20,80}}"),
    _starts("scaleway access key", "SCW", f"{_U}{{17}}{_ends(_A)}"),
    _starts("fly.io token", "fm2_", r"[A-Za-z0-9+/=,_-]{60,2048}"),
    _starts("fly.io token, older", "fo1_", f"{_W}{{40,64}}"),
    _starts("render key", "rnd_", f"{_A}{{24,48}}"),
    _starts("netlify token", "nfp_", f"{_A}{{32,64}}"),
    *(_starts(f"vercel {head}", head, f"{_A}{{20,80}}") for head in ("vcp_", "vci_", "vca_", "vck_")),
    _starts("tailscale key", "tskey-", rf"(?:[a-z]{{2,10}}-)?{_A}{{10,32}}(?:-{_A}{{16,64}})?"),
    _starts("pulumi token", "pul-", f"{_H}{{40}}{_ends(_A)}"),
    _holds("terraform cloud token", ".atlasv1.", rf"(?<!{_A}){_A}{{10,20}}\.atlasv1\.{_W}{{50,90}}"),
    _starts("infracost key", "ico-", f"{_A}{{32}}{_ends(_A)}"),
    _starts("prefect key", "pnu_", f"{_A}{{30,48}}"),
    _starts("prefect service key", "pnb_", f"{_A}{{30,48}}"),
)

_CODE: Final = (
    *(_starts(f"github {head}", head, f"{_A}{{30,255}}") for head in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    _starts("github fine-grained token", "github_pat_", r"[A-Za-z0-9_]{22,255}"),
    *(
        _starts(f"gitlab {head}", head, r"[\w=.-]{20,320}")
        for head in (
            "glpat-",
            "gldt-",
            "glrt-",
            "glptt-",
            "glft-",
            "glagent-",
            "glsoat-",
            "gloas-",
            "glcbt-",
            "glimt-",
            "glffct-",
            "glwt-",
        )
    ),
    _starts("gitlab runner registration", "GR1348941", f"{_W}{{20,50}}"),
    _starts("bitbucket app password", "ATBB", f"{_A}{{24,64}}"),
    _starts("atlassian token", "ATATT3", r"[A-Za-z0-9_=-]{60,255}"),
    _starts("atlassian access token", "ATCTT3", r"[A-Za-z0-9_=-]{60,255}"),
    _starts("trello token", "ATTA", f"{_H}{{64}}{_ends(_A)}"),
    _starts("sourcegraph token", "sgp_", rf"(?:{_X}{{16}}_|local_)?{_X}{{40}}"),
    _starts("npm token", "npm_", f"{_A}{{36}}{_ends(_A)}"),
    _starts("pypi token", "pypi-", f"{_W}{{32,255}}"),
    _starts("rubygems key", "rubygems_", f"{_H}{{48}}{_ends(_A)}"),
    _starts("crates.io token", "cio", f"{_A}{{32}}{_ends(_A)}", 0.9),
    _starts("clojars token", "CLOJARS_", "[a-z0-9]{60}"),
    _starts("nuget key", "oy2", f"[a-z0-9]{{43}}{_ends(_A)}"),
    _starts("packagist token", "packagist_", rf"[a-z]{{3,4}}_{_A}{{40,90}}"),
    _starts("docker personal token", "dckr_pat_", f"{_W}{{20,64}}"),
    _starts("docker organisation token", "dckr_oat_", f"{_W}{{20,64}}"),
    _starts("jfrog api key", "AKCp", f"{_A}{{60,80}}{_ends(_A)}"),
    _starts("jfrog reference token", "cmVmdGtu", f"{_A}{{40,80}}{_ends(_A)}"),
    _starts("circleci personal token", "CCIPAT_", f"{_A}{{16,32}}_{_H}{{40}}"),
    _starts("circleci project token", "CCIPRJ_", f"{_A}{{16,32}}_{_H}{{40}}"),
    _starts("buildkite token", "bkua_", f"{_H}{{40}}"),
    _starts("harness token", "pat.", rf"{_W}{{22}}\.{_X}{{24}}\.{_A}{{20}}"),
    _starts("octopus key", "API-", f"(?=[A-Z]{{0,30}}[0-9]){_U}{{25,32}}{_ends(_A)}"),
    *(_starts(f"sonarqube {head}", head, f"{_H}{{40}}{_ends(_A)}") for head in ("squ_", "sqp_", "sqa_")),
    _starts("postman key", "PMAK-", f"{_H}{{24}}-{_H}{{34}}"),
    _starts("readme key", "rdme_", "[a-z0-9]{60,80}"),
    _starts("wakatime key", "waka_", _UUID),
    _starts("hashicorp vault service token", "hvs.", f"{_W}{{20,255}}"),
    _starts("hashicorp vault batch token", "hvb.", f"{_W}{{20,512}}"),
    _starts("hashicorp vault recovery token", "hvr.", f"{_W}{{20,255}}"),
    _starts("hashicorp vault token, older", "s.", f"(?=[A-Za-z]{{0,23}}[0-9]){_A}{{24}}(?![A-Za-z0-9.(])", 0.85),
    _starts("doppler token", "dp.", rf"(?:pt|st|ct|sa|scim|audit)\.(?:{_W}{{2,35}}\.)?{_A}{{40,44}}"),
    _starts("1password service token", "ops_eyJ", f"{_B}{{60,2048}}={{0,2}}"),
    _starts("1password secret key", "A3-", rf"{_U}{{6}}-(?:{_U}{{11}}|{_U}{{6}}-{_U}{{5}})(?:-{_U}{{5}}){{3}}"),
    _starts("age secret key", "AGE-SECRET-KEY-1", f"{_U}{{50,60}}"),
    _starts("age plugin key", "AGE-PLUGIN-", rf"{_U}{{2,20}}-1{_U}{{30,255}}"),
)

_CHAT: Final = (
    _starts("slack token", "xox", r"[abeoprs](?:\.xox[abeoprs])?-[A-Za-z0-9-]{10,255}"),
    _starts("slack app token", "xapp-", r"\d-[A-Za-z0-9-]{20,255}"),
    _starts("slack workflow token", "xwfp-", r"[A-Za-z0-9-]{20,255}"),
    _holds(
        "slack webhook",
        "hooks.slack.com/",
        rf"hooks\.slack\.com/(?:services|workflows|triggers)/{_W}{{5,20}}/{_W}{{5,24}}/{_W}{{12,80}}",
    ),
    _holds("discord webhook", "/api/webhooks/", rf"discord(?:app)?\.com/api/webhooks/\d{{17,20}}/{_W}{{40,100}}"),
    _holds("discord bot token", ".", rf"(?<![\w.-])[MNO]{_W}{{22,27}}\.{_W}{{6}}\.{_W}{{27,40}}{_ends(_W)}"),
    _holds("telegram bot token", ":AA", rf"(?<!\d)\d{{8,10}}:AA{_W}{{32,34}}{_ends(_W)}"),
    _holds("teams webhook", ".webhook.office.com/", r"\w{1,60}\.webhook\.office\.com/webhookb2/[\w@/-]{60,255}"),
    _holds("zapier webhook", "hooks.zapier.com/", r"hooks\.zapier\.com/hooks/catch/\d{4,12}/[A-Za-z0-9]{4,16}"),
    _holds(
        "google chat webhook",
        "chat.googleapis.com/",
        rf"chat\.googleapis\.com/v1/spaces/{_W}{{8,16}}/messages\?key={_W}{{20,50}}&token=[\w%-]{{20,80}}",
    ),
    _starts("twilio key", "SK", f"{_H}{{32}}{_ends(_A)}"),
    _starts("twilio account", "AC", f"{_H}{{32}}{_ends(_A)}", 0.85),
    _starts("sendgrid key", "SG.", rf"{_W}{{16,64}}\.{_W}{{16,128}}"),
    _starts("mailgun key", "key-", f"{_H}{{32}}{_ends(_A)}"),
    _holds("mailchimp key", "-us", rf"(?<!{_A}){_H}{{32}}-us\d{{1,2}}{_ends(_A)}"),
    _starts("mandrill key", "md-", f"(?=[A-Za-z_-]{{0,21}}[0-9]){_W}{{22}}{_ends(_W)}", 0.85),
    _starts("brevo key", "xkeysib-", rf"{_H}{{64}}-{_A}{{16}}"),
    _starts("brevo smtp key", "xsmtpsib-", rf"{_H}{{64}}-{_A}{{16}}"),
    _starts("resend key", "re_", rf"{_A}{{8,12}}_{_A}{{20,30}}{_ends(_A)}"),
    _starts("onesignal key", "os_v2_", r"(?:app|org)_[a-z0-9]{60,120}"),
    _starts("facebook token", "EAA", f"{_A}{{60,300}}{_ends(_A)}"),
    _starts("twitter bearer token", "AAAAAAAAAAAAAAAAAAAAA", r"[A-Za-z0-9%]{40,120}"),
    _starts("intercom token", "dG9rO", rf"{_B}{{40,80}}={{0,2}}"),
)

_PAYMENT: Final = (
    *(_starts(f"stripe {head}", head, f"{_A}{{10,255}}") for head in ("sk_live_", "rk_live_", "sk_org_live_")),
    *(_starts(f"stripe {head}", head, f"{_A}{{10,255}}", 0.8) for head in ("sk_test_", "rk_test_")),
    _starts("stripe webhook secret", "whsec_", r"[A-Za-z0-9+/=]{20,128}"),
    _starts("square access token", "sq0atp-", f"{_W}{{22}}"),
    _starts("square oauth secret", "sq0csp-", f"{_W}{{43}}"),
    _starts("square token", "EAAA", f"{_W}{{56,64}}{_ends(_W)}"),
    *(_starts(f"shopify {head}", head, f"{_X}{{32}}") for head in ("shpat_", "shpca_", "shppa_", "shpss_", "shptka_")),
    _starts("braintree token", "access_token$", rf"(?:production|sandbox)\$[a-z0-9]{{16}}\${_H}{{32}}"),
    _starts("flutterwave key", "FLWSECK", r"(?:_TEST)?-[A-Za-z0-9]{12,64}(?:-X)?"),
    _starts("razorpay key", "rzp_live_", f"{_A}{{14,32}}"),
    _starts("razorpay test key", "rzp_test_", f"{_A}{{14,32}}", 0.8),
    _starts("plaid access token", "access-", rf"(?:sandbox|development|production)-{_UUID}"),
    _starts("adyen key", "AQE", r"[A-Za-z0-9+/=]{20,200}-[A-Za-z0-9+/=]{20,100}-\S{8,64}"),
    *(_starts(f"easypost {head}", head, f"{_A}{{54}}{_ends(_A)}") for head in ("EZAK", "EZTK")),
    *(_starts(f"shippo {head}", head, f"{_H}{{40}}") for head in ("shippo_live_", "shippo_test_")),
    *(_starts(f"duffel {head}", head, rf"{_W}{{40,48}}") for head in ("duffel_live_", "duffel_test_")),
    *(
        _starts(f"lob or gocardless {head}", head, rf"(?=[A-Za-z]{{0,20}}[0-9]){_A}{{35,45}}{_ends(_W)}")
        for head in ("live_", "test_")
    ),
)

_AI: Final = (
    _starts("openai and kindred", "sk-", f"(?=[A-Za-z_-]{{0,255}}[0-9]){_W}{{20,255}}"),
    _starts("anthropic key", "sk-ant-", f"{_W}{{20,255}}"),
    _starts("hugging face token", "hf_", f"{_A}{{30,64}}{_ends(_A)}"),
    _starts("hugging face organisation token", "api_org_", f"[A-Za-z]{{34}}{_ends(_A)}"),
    _starts("groq key", "gsk_", f"{_A}{{40,128}}"),
    _starts("nvidia key", "nvapi-", f"{_W}{{40,128}}"),
    _starts("replicate token", "r8_", f"{_A}{{36,48}}"),
    _starts("perplexity key", "pplx-", f"{_A}{{40,64}}"),
    _starts("xai key", "xai-", f"{_A}{{60,100}}"),
    _starts("cerebras key", "csk-", "[a-z0-9]{40,64}"),
    _starts("together key", "tgp_v1_", f"{_W}{{36,64}}"),
    _starts("fireworks key", "fw_", f"{_A}{{22,48}}{_ends(_A)}"),
    _starts("elevenlabs key", "sk_", f"{_H}{{48}}{_ends(_A)}"),
    *(_starts(f"langsmith {head}", head, rf"{_H}{{32}}_{_H}{{10}}") for head in ("lsv2_pt_", "lsv2_sk_")),
    _starts("pinecone key", "pcsk_", rf"{_A}{{4,10}}_{_A}{{50,70}}"),
    _starts("tavily key", "tvly-", f"{_W}{{20,64}}"),
    _starts("firecrawl key", "fc-", f"{_H}{{32}}{_ends(_A)}"),
    _starts("jina key", "jina_", f"{_W}{{50,80}}"),
    _starts("voyage key", "pa-", f"{_W}{{40,50}}{_ends(_W)}"),
    _starts("apify token", "apify_api_", f"{_A}{{30,48}}"),
    _starts("weights and biases key", "wandb_v1_", f"{_W}{{40,120}}"),
)

_WATCH: Final = (
    *(_starts(f"new relic {head}", head, f"{_W}{{20,64}}") for head in ("NRAK-", "NRJS-", "NRII-", "NRAA-", "NRRA-")),
    _starts("grafana service account", "glsa_", rf"{_A}{{32}}_{_X}{{8}}"),
    _starts("grafana cloud token", "glc_", rf"{_B}{{32,400}}={{0,3}}"),
    _starts("sentry organisation token", "sntrys_", r"[A-Za-z0-9+/=_-]{40,400}"),
    _starts("sentry user token", "sntryu_", f"{_H}{{64}}"),
    *(_starts(f"dynatrace {head}", head, rf"{_U}{{24}}\.{_U}{{64}}") for head in ("dt0c01.", "dt0s01.", "dt0s02.")),
    *(_starts(f"honeycomb {head}", head, "[a-z0-9]{50,70}") for head in ("hcaik_", "hcamk_", "hcxik_", "hcxmk_")),
    _starts("posthog key", "phx_", f"{_W}{{40,60}}"),
    *(_starts(f"axiom {head}", head, _UUID) for head in ("xaat-", "xapt-")),
    *(_starts(f"launchdarkly {head}", head, f"{_UUID}{_ends(_A)}", 0.85) for head in ("sdk-", "api-", "mob-")),
    _starts("elastic cloud key", "essu_", rf"{_B}{{40,120}}={{0,2}}"),
)

_STORES: Final = (
    *(
        _starts(f"planetscale {head}", head, r"[\w=.-]{32,64}")
        for head in ("pscale_tkn_", "pscale_pw_", "pscale_oauth_")
    ),
    _starts("databricks token", "dapi", rf"{_H}{{32}}(?:-\d)?{_ends(_A)}"),
    _starts("supabase token", "sbp_", rf"(?:v0_)?{_H}{{40}}"),
    _starts("supabase secret key", "sb_secret_", f"{_W}{{20,64}}"),
    _starts("neon key", "napi_", "[a-z0-9]{50,80}"),
    _starts("airtable token", "pat", rf"{_A}{{14}}\.{_H}{{64}}{_ends(_A)}"),
    _starts("contentful token", "CFPAT-", f"{_W}{{40,48}}"),
    *(_starts(f"dbt {head}", head, f"{_W}{{30,80}}") for head in ("dbtc_", "dbtu_")),
    _starts("dropbox token", "sl.", rf"(?:u\.)?{_W}{{100,1500}}"),
)

_OFFICE: Final = (
    _starts("linear key", "lin_api_", f"{_A}{{32,64}}"),
    _starts("linear oauth token", "lin_oauth_", f"{_A}{{32,80}}"),
    _starts("notion token", "ntn_", f"{_A}{{40,60}}{_ends(_A)}"),
    _starts("notion token, older", "secret_", f"{_A}{{43}}{_ends(_A)}"),
    *(_starts(f"figma {head}", head, f"{_W}{{36,64}}") for head in ("figd_", "figo_", "figu_")),
    _holds("asana token", "/", rf"(?<![\w/])[12]/\d{{12,20}}(?:/\d{{12,20}})?:{_H}{{32}}{_ends(_A)}"),
    _starts("typeform token", "tfp_", rf"{_W}{{40,64}}"),
    _starts("hubspot token", "pat-", rf"(?:na|eu|ap)\d-{_UUID}"),
    _starts("clickup token", "pk_", rf"\d{{6,10}}_{_U}{{32}}{_ends(_A)}"),
    _starts("frame.io token", "fio-u-", f"{_W}{{60,70}}"),
    _starts("adafruit key", "aio_", f"{_A}{{28}}{_ends(_A)}"),
    _starts("retool token", "retool_", f"{_W}{{20,80}}"),
    _holds("salesforce session", "!A", rf"(?<!{_A})00{_A}{{13}}!A[A-Za-z0-9._]{{80,140}}"),
    _holds("maxmind key", "_mmk", rf"(?<!{_A}){_A}{{6}}_{_A}{{29}}_mmk{_ends(_A)}"),
    _holds("rapidapi key", "jsn", rf"(?<!{_A})[a-z0-9]{{10}}msh[a-z0-9]{{15}}p1[a-z0-9]{{6}}jsn[a-z0-9]{{12}}"),
)

_TOKENS: Final = (
    _holds("json web token", "eyJ", rf"(?<!{_W})eyJ{_W}{{8,4096}}\.eyJ{_W}{{8,4096}}\.{_W}{{6,1024}}"),
    _holds("json web token, cut off", "eyJ", rf"(?<!{_W})eyJ{_W}{{8,4096}}\.eyJ{_W}{{16,4096}}(?![\w.-])", 0.8),
    _holds(
        "json web token, encrypted",
        "eyJ",
        rf"(?<!{_W})eyJ{_W}{{16,2048}}\.{_W}{{0,1024}}\.{_W}{{8,64}}\.{_W}{{8,4096}}\.{_W}{{16,64}}",
    ),
    *(
        _holds(f"paseto {kind}", f".{kind}.", rf"(?<!{_A})v[1-4]\.{kind}\.{_W}{{40,4096}}(?:\.{_W}{{1,1024}})?")
        for kind in ("local", "public")
    ),
)

FORMATS: Final[tuple[Format, ...]] = (
    *_CLOUD, *_CODE, *_CHAT, *_PAYMENT, *_AI, *_WATCH, *_STORES, *_OFFICE, *_TOKENS,
)  # fmt: skip
