"""Small closed lists of English: which words carry no meaning of their own, and which turn a meaning round."""

from typing import Final

__all__ = [
    "ARTICLES",
    "DIRECTIONS",
    "FUNCTION",
    "NEGATIONS",
    "NUMBERS",
    "OPPOSITES",
    "ORDINALS",
    "QUESTIONS",
    "UNITS",
    "listed",
]


def listed(text: str) -> tuple[str, ...]:
    """The words of a list that is written as a text."""
    return tuple(text.split())


def _set(text: str) -> frozenset[str]:
    return frozenset(listed(text))


ARTICLES: Final = _set("a an the please kindly just")
"""Words that may be there or not without another question coming of it."""

FUNCTION: Final = _set(
    "a an the of to in on at by for from with about as into onto upon off out up down over under through between among "
    "is are was were be been being am do does did done doing have has had having can could will would shall should may "
    "might must and or but if than then so that this these those there here it its he she they them his her their him "
    "i me my mine you your yours we us our ours who whom whose what which when where why how please just kindly also "
    "not no nor only very too much many more most less least some any all each every both either neither own such "
    "'s 'd 'm 're 've 'll let lets before after during since until till again against per via"
)
"""Words of grammar. Everything else carries content."""

NEGATIONS: Final = _set(
    "not no never none nothing nobody nowhere neither nor without cannot except excluding besides unless fail fails "
    "failed lack lacks lacking hardly barely stop cancel disable unable non"
)
"""Words that turn a statement into its contrary; `n't` is read as `not`."""

QUESTIONS: Final = _set("who whom whose what which when where why how")

DIRECTIONS: Final = _set(
    "from to into onto before after until since above below over under between against for by with without in out on "
    "off up down through during than if unless or and but only"
)
"""Small words on whose side a meaning depends: from Rome to Paris is not from Paris to Rome."""

_PAIRS: Final = """
more less|most least|most fewest|more fewer|many few|much little|higher lower|highest lowest|high low
bigger smaller|biggest smallest|larger smaller|largest smallest|big small|large small|greater smaller
greater lesser|longer shorter|longest shortest|long short|taller shorter|older younger|oldest youngest|old young
old new|older newer|earlier later|earliest latest|early late|first last|before after|above below|over under
inside outside|in out|on off|up down|left right|north south|east west|northern southern|eastern western
increase decrease|increases decreases|increased decreased|increasing decreasing|rise fall|raise lower|gain lose
win lose|won lost|winner loser|buy sell|bought sold|open close|opened closed|start stop|start end|started ended
begin end|began ended|beginning end|add remove|enable disable|allow forbid|allowed forbidden|accept reject
accept decline|include exclude|with without|push pull|import export|send receive|sent received|give take
borrow lend|debit credit|deposit withdraw|deposit withdrawal|arrive depart|arrival departure|enter leave
true false|yes no|good bad|better worse|best worst|hot cold|hotter colder|warm cool|strong weak|stronger weaker
fast slow|faster slower|fastest slowest|cheap expensive|cheaper dearer|cheapest dearest|rich poor
richest poorest|safe dangerous|safe unsafe|legal illegal|possible impossible|visible invisible|male female
man woman|men women|boy girl|mother father|son daughter|brother sister|king queen|he she|his her|husband wife
maximum minimum|max min|positive negative|advantage disadvantage|advantages disadvantages|pro con|pros cons
cause effect|causes effects|present absent|public private|internal external|upper lower|top bottom|front back
morning evening|day night|am pm|today tomorrow|today yesterday|yesterday tomorrow|next last|next previous
past future|always never|all none|everyone nobody|everything nothing|both neither|agree disagree|like dislike
love hate|encrypt decrypt|lock unlock|install uninstall|connect disconnect|activate deactivate|block unblock
upload download|ascending descending
"""

OPPOSITES: Final = frozenset(frozenset(pair.split()) for pair in _PAIRS.replace("\n", "|").split("|") if pair)

NUMBERS: Final = {
    **{word: number for number, word in enumerate(listed(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen"
    ))},
    **dict(zip(listed("twenty thirty forty fifty sixty seventy eighty ninety"), range(20, 100, 10), strict=True)),
    "dozen": 12, "hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "half": 0.5,
    "once": 1, "twice": 2, "thrice": 3, "double": 2, "triple": 3,
}  # fmt: skip

ORDINALS: Final = {word: number for number, word in enumerate(listed(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
))} | {"thirtieth": 30, "fortieth": 40, "fiftieth": 50, "hundredth": 100}  # fmt: skip

UNITS: Final = {alias: line.split()[0] for line in """
% percent|km kilometer kilometers kilometre kilometres|m meter meters metre metres|cm centimeter centimeters
mm millimeter millimeters|mile miles mi|foot feet ft|inch inches|yard yards|kg kilo kilos kilogram kilograms
g gram grams|mg milligram milligrams|lb lbs pound pounds|oz ounce ounces|ton tons tonne tonnes
l liter liters litre litres|ml milliliter milliliters|gallon gallons|celsius °c|fahrenheit °f|kelvin
second seconds sec secs|minute minutes min mins|hour hours hr hrs|day days|week weeks|month months|year years
decade decades|century centuries|$ dollar dollars usd|€ euro euros eur|£ gbp sterling|¥ yen jpy
yuan renminbi rmb|byte bytes|kb kilobyte kilobytes|mb megabyte megabytes|gb gigabyte gigabytes
tb terabyte terabytes|watt watts w|kw kilowatt kilowatts|mph|kph kmh|volt volts|am a.m|pm p.m
""".replace("\n", "|").split("|") if line for alias in line.split()}  # fmt: skip
"""Every spelling of a unit, and the one that stands for all."""
