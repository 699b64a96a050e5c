"""Words and marks that tell of a hard question: in English, and the commonest of German, French and Spanish.

They are looked up as whole words in UTF-8, in lower case. Languages without spaces have a few of their own.
"""

from typing import Final

__all__ = [
    "ALL",
    "CODE_ACTS",
    "CODE_THINGS",
    "CODE_WORDS",
    "CONSTRAINTS",
    "FORMULAS",
    "MATHS",
    "REASONING",
    "STEPS",
    "TRANSLATING",
    "UNSPACED",
]


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


REASONING: Final = _words(
    """
    prove proof derive derivation deduce infer justify analyze analyse analysis evaluate assess compare contrast
    tradeoff tradeoffs trade-off trade-offs optimize optimise optimal design architect architecture strategy why
    explain reason reasoning counterexample implications hypothesis theorem lemma complexity invariant rigorous
    critique synthesize synthesise diagnose debug estimate simulate formalize plan
    beweise beweis herleiten begründe begründen analysiere analysieren vergleiche vergleichen bewerte warum erkläre
    erklären entwirf abwägen
    prouve prouver démontre démontrer analyse analyser compare comparer justifie justifier pourquoi explique expliquer
    demuestra demostrar analiza analizar compara comparar justifica explica explicar evalúa
    """
)
CONSTRAINTS: Final = _words(
    """
    must should shall exactly only without except unless least most never always required requirement requirements
    constraint constraints ensure avoid include exclude cannot between within maximum minimum limit format respectively
    both neither either given assume
    muss müssen soll genau nur ohne außer mindestens höchstens niemals immer
    doit doivent exactement seulement sans sauf moins jamais toujours
    debe deben exactamente solo sin excepto menos nunca siempre
    """
)
STEPS: Final = _words(
    """
    first second third then next finally afterwards step steps stepwise subsequently before after once each every
    repeat until while step-by-step phase phases part parts
    zuerst dann danach schließlich schritt schritte
    abord ensuite puis enfin étape étapes
    primero luego después finalmente paso pasos
    """
)
CODE_WORDS: Final = _words(
    """
    python javascript typescript java kotlin swift golang rust c++ c# php ruby perl scala haskell sql postgresql mysql
    sqlite regex bash powershell html css react django flask numpy pandas pytorch kubernetes dockerfile yaml
    stacktrace traceback segfault refactor codebase api
    """
)
CODE_ACTS: Final = _words(
    "write implement fix debug refactor optimize code program compile schreibe implementiere écris escribe"
)
CODE_THINGS: Final = _words(
    """
    code function functions script class method methods program programme module query unittest test tests bug bugs
    endpoint loop array algorithm compiler library funktion klasse skript fonction classe función
    """
)
MATHS: Final = _words(
    """
    integral derivative equation equations polynomial matrix eigenvalue eigenvalues probability theorem algebra
    geometry calculus arithmetic calculate compute percent percentage sum multiply divide divided fraction fractions
    prime modulo logarithm variance median triangle radius perimeter hypotenuse quotient remainder squared
    gleichung wahrscheinlichkeit berechne ableitung summe équation probabilité calcule dérivée somme ecuación
    probabilidad calcula derivada suma
    """
)
TRANSLATING: Final = _words("translate translation übersetze übersetzung traduis traduire traduction traduce traducir")
ALL: Final = (
    REASONING | CONSTRAINTS | STEPS | CODE_WORDS | CODE_ACTS | CODE_THINGS | MATHS | TRANSLATING | frozenset({b"json"})
)

FORMULAS: Final = tuple(mark.encode() for mark in ("√", "∫", "∑", "∏", "≤", "≥", "≠", "∈", "∀", "∃", "π", "×", "÷"))
UNSPACED: Final = tuple("证明 推导 分析 比较 为什么 解释 设计 証明 説明 なぜ 왜 증명".encode().split())
"""Words of reasoning where no space stands between words."""
