"""Special categories: what is said of a person is found, the topic alone is not."""

import pytest
from scan_pii import types

SAID = {
    "HEALTH": (
        "She was diagnosed with leukemia last year.", "I have type 2 diabetes.", "my HIV status must stay private",
        "The patient suffers from epilepsy", "he tested positive for hepatitis C", "I'm pregnant",
        "my depression is back",
        "John is taking lithium, he takes 20 mg of sertraline", "ICD-10: F32.1", "diagnosis: E11.9",
        "her chemotherapy",
        "Er leidet an Depressionen", "ich bin schwanger", "sie hat Brustkrebs", "wurde mit Diabetes diagnostiziert",
        "elle est atteinte de sclérose en plaques", "je suis séropositif", "il souffre d'asthme", "mon cancer",
        "fue diagnosticada con cáncer", "tengo diabetes", "está embarazada", "è affetta da epilessia",
        "soffro di depressione",
    ),
    "BIOMETRIC": ("her fingerprints were taken", "my voiceprint is stored", "fingerprint template: a8f3c2d1",
        "ihre Fingerabdrücke"),
    "GENETIC": ("my DNA test came back", "she has the BRCA1 mutation", "his genome", "rs1801133: CT"),
    "SEXUAL": ("he is gay", "my brother is bisexual", "she came out as trans", "sexual orientation: lesbian",
        "er ist schwul",
               "elle est lesbienne", "soy homosexual", "her sex life"),
    "RELIGION": ("I am a practicing Catholic", "my wife is Muslim", "he converted to Islam", "religion: Hinduism",
                 "sie ist evangelisch", "je suis juif", "soy católica"),
    "POLITICS": ("I voted for Labour", "she is a registered Republican", "his political views",
        "member of the Communist Party",
                 "er wählt die AfD", "political affiliation: socialist"),
    "UNION": ("he is a union member", "my union membership", "she joined the teachers union", "Gewerkschaftsmitglied",
              "elle est syndiquée", "afiliado al sindicato"),
    "CRIMINAL": ("convicted of armed robbery", "he is on parole", "my criminal record", "arrested for shoplifting",
                 "er ist vorbestraft", "condamné pour vol", "tiene antecedentes penales", "wegen Betrugs verurteilt"),
}  # fmt: skip
TOPICS = (
    "What is diabetes?", "Explain how insulin works in the body.", "How is cancer treated?",
    "the gay rights movement",
    "a fingerprint reader for the door", "Write an essay on the history of Islam.",
    "Who won the vote in the union of states?",
    "the European Union has 27 members", "my credit union account",
    "she is a member of the European Union parliament",
    "my phone died", "DNA is a molecule", "I was charged with a fee",
    "the Republican party was founded in 1854", "gene expression",
    "the class suffers from a bug", "I have a question", "he is happy", "the union of two sets", "a prison of ice",
    "is it a crime?", "the patient is waiting", "my heart belongs to you", "vote for the best answer",
    "the diagnosis page",
    "she has sympathy for him", "I am a Python developer", "the stroke width of my path", "my Lithium battery",
)  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in SAID.items() for text in texts])
def test_what_is_said_of_a_person_is_found(kind: str, text: str) -> None:
    assert kind in types(text)


@pytest.mark.parametrize("text", TOPICS)
def test_a_topic_is_no_statement_about_a_person(text: str) -> None:
    assert types(text) == []
