"""Special categories (Art. 9 and 10 GDPR): what a text says of a person's health, body, genes, faith and the like.

A topic is no finding: `diabetes` alone is one of medicine. A person must be said to have it: `my diabetes`, `she was
diagnosed with`, `leidet an`. So these expressions are narrow, in English, German, French, Spanish and Italian.
"""

import re
from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["SPECIAL"]


class _Category(NamedTuple):
    """A kind of statement: the cue without which it cannot be made, and its wordings."""

    type: str
    signs: int
    wordings: tuple[re.Pattern[str], ...]


def _category(kind: str, signs: int, *wordings: str) -> _Category:
    return _Category(kind, signs, tuple(re.compile(rf"(?<!\w)(?:{w})(?!\w)") for w in wordings))


_KIN: Final = (
    r"(?:wife|husband|son|daughter|mother|father|mom|mum|dad|brother|sister|partner|boyfriend|girlfriend|child"
    r"|baby|uncle"
    r"|aunt|cousin|friend|boss|colleague|coworker|neighbou?r|grandmother|grandfather|patient|client|employee|tenant)"
)
_WHOSE: Final = rf"(?:my|his|her|their|the patient's|patient's|my {_KIN}'s|his {_KIN}'s|her {_KIN}'s)"
_WHO: Final = rf"(?:i|he|she|they|(?:my|his|her|their|the) {_KIN}|who|patient)"
_BE: Final = r"(?:'m|'s|'re| am| is| are| was| were)(?: also| not| openly| now| currently| still)?"
_HAVE: Final = r"(?:'ve| have| has| had|'ve got| have got| has got)"

_ILLNESS: Final = (
    r"(?:(?:type (?:1|2|one|two|i|ii) )?diabetes|diabetic \w+|(?:\w+ ){0,2}cancer|leuka?emia|lymphoma|melanoma"
    r"|tumou?rs?|hiv"
    r"|aids|hepatitis(?: [abc])?|tuberculosis|epilepsy|asthma|copd|(?:clinical |severe |major |chronic "
    r"|postpartum )?depression"
    r"|(?:an? |severe )?anxiety(?: disorder)?|bipolar(?: disorder)?|schizophrenia|ptsd|adhd|autism|ocd"
    r"|(?:an )?eating disorder"
    r"|anorexia|bulimia|alcoholism|(?:drug |opioid |heroin )addiction|dementia|alzheimer(?:'s)?(?: disease)?"
    r"|parkinson(?:'s)?"
    r"(?: disease)?|multiple sclerosis|lupus|crohn(?:'s)?(?: disease)?|(?:an? )?heart (?:disease|attack|failure"
    r"|condition)"
    r"|(?:a )?stroke|hypertension|high blood pressure|kidney (?:disease|failure)|cirrhosis|endometriosis|infertility"
    r"|(?:a )?miscarriages?|syphilis|gonorrh(?:o?ea)|chlamydia|herpes|hpv|covid(?:-19)?"
    r"|sickle cell(?: disease)?|cystic fibrosis"
    r"|fibromyalgia|(?:rheumatoid |psoriatic )?arthritis|psoriasis|migraines|insomnia|\w{3,20}(?:itis|osis|emia"
    r"|oma|pathy))"
)
_DRUG: Final = (
    r"(?:insulin|metformin|sertraline|zoloft|fluoxetine|prozac|escitalopram|lexapro|citalopram|xanax|alprazolam"
    r"|lorazepam"
    r"|diazepam|valium|lithium|quetiapine|seroquel|risperidone|olanzapine|clozapine|adderall|ritalin"
    r"|methylphenidate|warfarin"
    r"|methadone|buprenorphine|suboxone|oxycodone|morphine|fentanyl|truvada|biktarvy|antiretrovirals?"
    r"|antidepressants?"
    r"|antipsychotics?|chemo(?:therapy)?|dialysis|tamoxifen|methotrexate|humira|adalimumab|prednisone"
    r"|levothyroxine|lisinopril"
    r"|atorvastatin|gabapentin|lamotrigine|levetiracetam|ozempic|viagra|sildenafil|prep)"
)
_SICK: Final = (
    r"(?:diabetic|epileptic|asthmatic|autistic|bipolar|schizophrenic|hiv[- ]?positive|hiv\+|seropositive"
    r"|pregnant|suicidal"
    r"|disabled|infertile|anorexic|bulimic|an? (?:recovering )?(?:alcoholic|addict|diabetic|cancer survivor)"
    r"|clinically depressed"
    r"|terminally ill|immunocompromised|in (?:rehab|remission|a psychiatric (?:ward|hospital)))"
)

_HEALTH: Final = _category(
    "HEALTH",
    cues.HEALTH,
    rf"(?:was |were |been |is |got |being |just |recently )?diagnosed (?:with|as having) (?:an? "
    rf"|the )?(?:{_ILLNESS}|(?!an? )(?!bug|error|fault|problem|issue|leak|packet|software|hardware|network"
    rf"|memory|disk|dns|config)\w+)"
    rf"|(?:medical |primary |psychiatric )?diagnosis(?: is| of|:) (?:an? )?{_ILLNESS}",
    rf"(?:suffer(?:s|ing|ed)? from|tested positive for|(?:being |been |was )?treated for"
    rf"|(?:undergoing )?treatment for|living with"
    rf"|hospitali[sz]ed (?:for|with)|medication for|recovering from|history of|died of|dying of|battl(?:es|ing|ed)"
    rf"|struggl(?:es|ing|ed) with|therapy for) (?:an? |the |his |her |my |their )?{_ILLNESS}",
    rf"{_WHOSE} (?:\w+ )?(?:diagnosis|{_ILLNESS}|hiv status|pregnancy|medical history|psychiatric history"
    rf"|chemotherapy|overdose)",
    rf"{_WHO}{_HAVE} (?:been having |an? |had )?{_ILLNESS}",
    rf"{_WHO}{_BE} (?:\d+ weeks )?{_SICK}",
    rf"{_WHO}(?:{_BE})? (?:on|takes?|taking|took|been prescribed|been taking"
    rf"|prescribed) (?:\d+ ?m?g (?:of )?)?{_DRUG}"
    rf"|prescribed (?:\d+ ?m?g (?:of )?)?{_DRUG}",
    r"(?:icd(?:[- ]?10)?(?:[- ]?cm)?(?:[- ]codes?)?|dx"
    r"|diagnos[ei]\w{0,3}(?: code)?) ?[:=]? ?\(?[a-tv-z]\d[0-9a-z](?:\.[0-9a-z]{1,4})?",
    r"(?:leide|leidet|litt|erkrankte|erkrankt) (?:seit \w+ )?an (?:\w+ )?[a-zäöüß]{4,}|an (?:\w+ )?(?:krebs"
    r"|\w+krebs|depressionen?"
    r"|diabetes|leukämie|multipler sklerose|demenz|aids|hepatitis) (?:erkrankt|gestorben|leidet|leide)"
    r"|wurde (?:\w+ )?mit [\w ]{3,40}"
    r" diagnostiziert|(?:meine?|seine?|ihre?) (?:hiv-infektion|depression(?:en)?|krebserkrankung"
    r"|schwangerschaft|diabetes|epilepsie)"
    r"|(?:ich bin|sie ist|er ist) (?:schwanger|hiv-positiv|depressiv|schwerbehindert|alkoholiker(?:in)?"
    r"|diabetiker(?:in)?)"
    r"|(?:ich habe|er hat|sie hat) (?:\w+ )?(?:krebs|\w+krebs|diabetes|depressionen|aids|hiv|epilepsie"
    r"|multiple sklerose)",
    r"(?:est |suis |été )?atteinte? (?:de |d'|du )(?:\w+ ){0,2}\w{4,}|souffr(?:e|ant|ait) (?:de |d'"
    r"|du )(?:\w+ )?(?:cancer|diabète"
    r"|dépression|épilepsie|asthme|sida|\w+ite|\w+ose|schizophrénie|sclérose)|(?:mon|son|sa|ma) (?:cancer"
    r"|diabète|dépression|grossesse"
    r"|séropositivité|épilepsie)|(?:je suis|elle est|il est) (?:enceinte|séropositi(?:f|ve)|diabétique|dépressive"
    r"|dépressif|épileptique"
    r"|handicapée?)|diagnostiquée? (?:avec )?(?:un |une |d'un )?\w{4,}",
    r"diagnosticad[oa] (?:con|de) \w{3,}|(?:padece|padezco|sufre|sufro)(?: de)? (?:\w+ )?(?:cáncer|diabetes"
    r"|depresión|ansiedad|asma|epilepsia"
    r"|sida|vih|esquizofrenia|\w+itis|\w+osis)|(?:mi|su) (?:cáncer|diabetes|depresión|embarazo|epilepsia)"
    r"|(?:estoy|está) embarazada"
    r"|(?:soy|es) (?:seropositiv[oa]|diabétic[oa]|epiléptic[oa]|vih positivo)|(?:tengo|tiene) (?:cáncer"
    r"|diabetes|sida|vih|depresión|epilepsia)",
    r"affett[oa] da (?:\w+ )?\w{4,}|(?:soffre|soffro) di (?:\w+ )?(?:diabete|depressione|ansia|asma|epilessia"
    r"|\w+ite|\w+osi|schizofrenia)"
    r"|(?:è|sono) (?:incinta|sieropositiv[oa]|diabetic[oa]|epilettic[oa])|(?:il mio|la mia|il suo"
    r"|la sua) (?:cancro|tumore|diabete"
    r"|depressione|gravidanza)|(?:ho|ha) (?:il |un )?(?:cancro|tumore|diabete|aids|hiv)",
)
_BIOMETRIC: Final = _category(
    "BIOMETRIC",
    cues.BIOMETRIC,
    rf"{_WHOSE} (?:\w+ )?(?:fingerprints?|iris scans?|retina(?:l)? scans?|voice ?prints?|palm ?prints?"
    rf"|face ?(?:scan|print|template)s?"
    r"|biometric(?: data| template| information| profile|s)?)",
    rf"(?:fingerprints?|iris scan|retina scan|voice ?print|biometric (?:data|template|record|profile)) (?:of"
    rf"|for|belonging to) "
    rf"(?:{_WHOSE[3:-1]}|the patient|mr|mrs|ms|employee)",
    r"(?:biometric|fingerprint|iris|face) (?:template|hash|vector|id) ?[:=] ?\S{6,}",
    r"(?:mein|sein|ihr)e?n? (?:fingerabdr[uü]cke?|iris-?scan|biometrischen? daten)|(?:mes|ses|son"
    r"|mon) (?:empreintes? digitales?"
    r"|données biométriques)|(?:mis?|sus?) (?:huellas? (?:dactilar(?:es)?|digital(?:es)?)|datos biométricos)"
    r"|(?:mi[ae]|su[ae]) impront[ae] digital[ei]",
)
_GENETIC: Final = _category(
    "GENETIC",
    cues.GENETIC,
    rf"{_WHOSE} (?:\w+ )?(?:dna(?: (?:test|sample|profile|sequence|results?))?|genom(?:e|ic data)"
    rf"|genetic (?:test|data|profile|results?"
    r"|makeup|information|predisposition|risk)|genotype|23andme (?:results?|report|data))",
    rf"(?:{_WHO}{_HAVE}|{_WHO}{_BE}|carr(?:y|ies|ied)|tested positive for|carrier of|inherited) (?:an? |the "
    rf"|positive for |carrier of )?"
    r"(?:brca ?[12]|(?:\w+ )?(?:gene )?mutation|trisomy|sickle cell trait|huntington(?:'s)? gene|lynch syndrome)",
    r"(?:genotype|rs\d{3,10}) ?[:=(] ?[acgt][/;|]?[acgt]\)?",
    r"(?:mein|sein|ihr)e? (?:gentest|dna-(?:probe|test|profil)|erbgut|genetischen? (?:daten|veranlagung))"
    r"|(?:mon|son) (?:adn|génome"
    r"|test génétique)|(?:mi|su) (?:adn|genoma|prueba genética|información genética)|(?:il mio|il suo) (?:dna"
    r"|genoma|test genetico)",
)
_SEXUAL: Final = _category(
    "SEXUAL",
    cues.SEXUAL,
    rf"(?:{_WHO}{_BE}|identif(?:y|ies|ied) as|came out as|come out as|outed as) (?:an? |openly "
    rf"|secretly )*(?:gay|lesbian|bi(?:sexual)?"
    r"|homosexual|trans(?:gender|sexual)?(?: (?:man|woman))?|queer|asexual|pansexual|non-?binary|heterosexual"
    r"|sex worker)",
    r"sexual (?:orientation|preference|identity)(?: is|:| as) \w+",
    rf"{_WHOSE} (?:sex life|sexual (?:orientation|preferences?|history|partners?|identity)|affair|gender transition)",
    r"(?:ich bin|er ist|sie ist) (?:schwul|lesbisch|homosexuell|bisexuell|transgender|transsexuell)|(?:je suis"
    r"|il est|elle est)"
    r" (?:gay|homosexuel(?:le)?|lesbienne|bisexuel(?:le)?|trans(?:genre)?)|(?:soy|él es|ella es) (?:gay"
    r"|lesbiana|homosexual|bisexual"
    r"|transgénero)|(?:sono|lui è|lei è) (?:gay|lesbica|omosessuale|bisessuale|transgender)|(?:meine|seine"
    r"|ihre) sexuelle orientierung"
    r"|(?:mon|son) orientation sexuelle|(?:mi|su) orientación sexual",
)
_FAITH: Final = (
    r"(?:muslim|christian|catholic|protestant|jew(?:ish)?|hindu|buddhist|sikh|mormon|jehovah's witness|atheist"
    r"|agnostic|evangelical"
    r"|baptist|lutheran|methodist|orthodox christian|orthodox jew|shia|sunni|scientologist|quaker|pagan|wiccan"
    r"|bah[aá]['’]?[ií])"
)
_RELIGION: Final = _category(
    "RELIGION",
    cues.RELIGION,
    rf"(?:{_WHO}{_BE}|raised|identif(?:y|ies) as|became|married an?) (?:an? |practi[cs]ing |devout |strict "
    rf"|observant |ex-)*{_FAITH}"
    r"(?! (?:science|school|university|church|era))",
    r"convert(?:ed|ing)? (?:from \w+ )?to (?:islam|judaism|catholicism|christianity|hinduism|buddhism|mormonism)",
    r"(?:religion|faith|religious (?:affiliation|beliefs?|denomination))(?: is|:) (?:islam|judaism|hinduism"
    r"|buddhism|christianity|none"
    rf"|catholicism|{_FAITH[3:-1]})",
    r"(?:ich bin|er ist|sie ist) (?:ein[e]? )?(?:moslem|muslim(?:in|a)?|katholi(?:sch|k(?:in)?)|evangelisch"
    r"|jüdisch|jud[e]|jüdin|atheist(?:in)?"
    r"|hindu|buddhist(?:in)?|zeugin? jehovas)|(?:je suis|il est|elle est) (?:musulmane?|catholique|juive?|juif"
    r"|protestante?|athée|hindoue?"
    r"|bouddhiste)|(?:soy|él es|ella es) (?:musul[mn]an[a]?|musulmán|católic[oa]|judí[oa]|protestante|ate[oa]"
    r"|evangélic[oa])"
    r"|(?:sono|lui è|lei è) (?:musulman[oa]|cattolic[oa]|ebre[oa]|protestante|ate[oa]|buddista)|(?:religion"
    r"|konfession|religión|religione)"
    r" ?: ?[a-zà-ÿ]{4,}",
)
_POLITICS: Final = _category(
    "POLITICS",
    cues.POLITICS,
    rf"{_WHO}(?:'ve|'s| have| has| always| usually| will| would)* (?:voted?|votes|voting|campaign(?:s|ed)?"
    rf"|canvass(?:es|ed)?) (?:for )?(?:the )?"
    r"(?:\w+ )?(?:republicans?|democrats?|trump|biden|harris|obama|clinton|labour|tor(?:y|ies)|conservatives?"
    r"|lib dems?|greens?|green party"
    r"|snp|reform uk|afd|spd|cdu|le pen|macron|vox|podemos|lega|fratelli d'italia)",
    rf"(?:{_WHO}{_BE}|registered) (?:an? |registered |staunch |lifelong |committed )*(?:republican|democrat"
    rf"|communist|socialist|libertarian"
    r"|anarchist|marxist|fascist|tory|trump supporter|(?:party )?activist for the \w+)",
    r"(?:member|supporter|donor) of the (?:republican|democratic|communist|socialist|labour|conservative|green"
    r"|liberal(?: democratic)?"
    r"|libertarian) party",
    rf"{_WHOSE} political (?:views?|opinions?|affiliations?|beliefs?|donations?)|political (?:affiliation"
    rf"|opinion|views?|party)(?: is|:) "
    r"[a-z]{3,}",
    r"(?:ich|er|sie) (?:habe?|hat|wählt|wähle) (?:die |immer die )?(?:afd|spd|cdu|csu|fdp|grünen?|linke"
    r"|npd)(?: gewählt)?|mitglied (?:der|in"
    r" der) (?:afd|spd|cdu|csu|fdp|grünen|linken|npd|kpd|dkp)|(?:membre|adhérente?) du (?:parti \w+"
    r"|rassemblement national)"
    r"|afiliad[oa] al? (?:partido \w+|psoe|pp|vox|podemos)|(?:iscritt[oa]) (?:al|alla) (?:partito \w+|lega|pd)",
)
_UNION: Final = _category(
    "UNION",
    cues.UNION,
    rf"{_WHO}{_BE} (?:an? |active |proud )*(?:(?:trade |labou?r |teachers' )?union (?:member|organi[sz]er"
    rf"|rep(?:resentative)?|steward|official)"
    r"|shop steward|unionized)",
    rf"{_WHOSE} (?:trade |labou?r )?union (?:membership|dues|card|rep(?:resentative)?)",
    r"(?:member of|joined|belongs? to|organi[sz]ed for|pays dues to) (?:a |the |his |her |my |our "
    r"|their )?(?!credit|european|western|soviet|student)"
    r"(?:(?!credit|european|western|soviet|student)\w+ ){0,3}(?:trade|labou?r|workers'?|teachers'?|nurses'?"
    r"|drivers'?|writers'?|actors'?|pilots'?|farm\w*|steel\w*"
    r"|auto\w*|postal|rail\w*|transport\w*) unions?",
    r"(?:member of|joined|belongs? to) (?:the )?(?:teamsters|afl-cio|seiu|uaw|unison|unite the union|gmb|rmt)",
    r"gewerkschaftsmitglied(?:schaft)?|mitglied (?:der|in der|bei der|einer) (?:gewerkschaft|ig metall|ver\.di"
    r"|ig bce)|betriebsrats?mitglied"
    r"|(?:est|suis|été) syndiquée?|délégué[e]? syndicale?|(?:adhérente?|membre) (?:de la|du|à la) (?:cgt|cfdt"
    r"|syndicat)"
    r"|(?:afiliad[oa]|miembro) (?:al?|del?) (?:un )?sindicato|delegad[oa] sindical|iscritt[oa] (?:al"
    r"|a un) sindacato|iscritt[oa] alla"
    r" (?:cgil|cisl|uil)|rappresentante sindacale",
)
_CRIME: Final = (
    r"(?:(?:armed |sexual |aggravated |attempted |first[- ]degree |second[- ]degree |petty |grand |tax |wire "
    r"|credit card |drunk |drug "
    r"|domestic |child )*(?:murder|manslaughter|assault|battery|rape|robbery|burglary|theft|larceny|shoplifting"
    r"|fraud|forgery"
    r"|embezzlement|arson|kidnapping|stalking|harassment|abuse|violence|dui|dwi|driving under the influence"
    r"|drunk driving|driving"
    r"|possession|trafficking|dealing|perjury|extortion|blackmail|bribery|money laundering|tax evasion|evasion"
    r"|vandalism|homicide"
    r"|trespassing|prostitution|(?:a |two |three )?felon(?:y|ies)|(?:a )?misdemeanou?r))"
)
_CRIMINAL: Final = _category(
    "CRIMINAL",
    cues.CRIMINAL,
    rf"(?:convicted of|arrested (?:for|on suspicion of)|charged with|indicted (?:for|on)|found guilty of"
    rf"|pleaded guilty to|pled guilty to"
    rf"|sentenced for|jailed for|imprisoned for|served time for|conviction for|wanted for|accused of) (?:an? "
    rf"|the |his |her )?{_CRIME}",
    rf"(?:{_WHO}(?:{_BE}|{_HAVE}|'ve been| has been| have been) )(?:an? |been |on |out on "
    rf"|in )*(?:convicted felon|ex-con(?:vict)?|registered sex"
    r" offender|sex offender|felon|on probation|on parole|probation|parole|criminal record|felony conviction"
    r"|prior convictions?"
    r"|sentenced to (?:\w+ ){1,3}(?:years?|months?|life|prison|jail)|in (?:prison|jail) for)",
    rf"{_WHOSE} (?:criminal (?:record|history|conviction)|rap sheet|prior convictions?|felony (?:record"
    rf"|conviction)|parole officer"
    r"|probation officer|arrest record|mugshot)",
    r"(?:ist|bin|war|wurde) (?:\w+ )?vorbestraft|wegen \w{4,} (?:\w+ )?(?:verurteilt|verhaftet|angeklagt)"
    r"|(?:mein|sein|ihr)e? vorstrafen?"
    r"|condamnée? (?:à \w+ \w+ )?pour \w{3,}|(?:mon|son) casier judiciaire|(?:tengo|tiene|mis"
    r"|sus) antecedentes penales|condenad[oa] por \w{3,}"
    r"|(?:ho|ha|miei|suoi) precedenti penali|condannat[oa] per \w{3,}",
)
_CATEGORIES: Final = (_HEALTH, _BIOMETRIC, _GENETIC, _SEXUAL, _RELIGION, _POLITICS, _UNION, _CRIMINAL)
_SIGNS: Final = reduce(or_, (category.signs for category in _CATEGORIES))
_SCORE: Final = 0.7
_REACH: Final = 96


def _windows(category: _Category, page: Page) -> list[tuple[int, int]]:
    """The surroundings of every sign, those that touch joined."""
    windows: list[tuple[int, int]] = []
    for at in nearby.places(page, category.signs):
        start, end = max(0, at - _REACH), at + _REACH
        if windows and start <= windows[-1][1]:
            start = windows.pop()[0]
        windows.append((start, end))
    return windows


def _specials(page: Page) -> Iterator[Span]:
    for category in _CATEGORIES:
        if not nearby.says(page, category.signs):
            continue
        for start, end in _windows(category, page):
            for wording in category.wordings:
                for match in wording.finditer(page.lower, start, end):
                    yield Span(category.type, *match.span(), _SCORE)


def _may_have(page: Page) -> bool:
    return nearby.says(page, _SIGNS)


SPECIAL: Final = Detector("special-categories", tuple(category.type for category in _CATEGORIES), _may_have, _specials)
