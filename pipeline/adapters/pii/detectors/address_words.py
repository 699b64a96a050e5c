"""The words of postal addresses in many languages, by the part they play.

Street types are those of the postal services of the countries (for the United States: Publication 28, C1) and of
common use; the lists hold words, no names of places or people but those of countries.
"""

from typing import Final

__all__ = [
    "AFTER",
    "BEFORE",
    "BOXES",
    "BOX_ENDS",
    "CAPITAL",
    "CERTAIN",
    "COMMON",
    "COMMON_UNITS",
    "COUNTRIES",
    "DOTTED",
    "EITHER",
    "ENDING",
    "LIKELY",
    "LONG_COUNTRIES",
    "LOWER_STOP",
    "NUMBER_SIGNS",
    "OPENINGS",
    "PARTICLES",
    "STATES",
    "STOP",
    "UK_AREAS",
    "UNITS",
    "WEAK",
]

CERTAIN: Final = """
    street st str streets ave road rd roads blvd boul lane ln lanes drive dr drives court crescent cres parkway
    pkwy parkways esplanade sq mews hwy crt pde tce cir trl expressway turnpike tpke laneway
"""
"""Street types after a name that are little else."""
COMMON: Final = """
    pl loop plaza walks garden hill hills creek creeks ter highway highways ct annex arcade bayou beach bend
    bluff bluffs bottom branch bridge brook brooks burg burgs bypass camp canyon cape causeway center centers
    centre cliff cliffs club common commons corner corners course cove coves crest crossing crossroad crossroads
    curve dale dam divide estate estates extension extensions falls fall ferry field fields flats ford fords
    forest forge forges fork forks fort freeway gateway glen glens green greens harbor harbors harbour haven
    heights hollow inlet island islands isle junction junctions key keys knoll knolls lake lakes land landing
    light lights loaf lock locks lodge mall manor manors meadow meadows mill mills mission motorway mount
    mountain mountains neck orchard oval overpass park parks pass passage path pike pine pines plain plains
    points port ports prairie radial ramp ranch rapid rapids rest ridge ridges river route run shoal shoals
    shore shores skyway spring springs spur spurs station stravenue stream summit throughway trace track
    trafficway tunnel underpass union unions valley valleys viaduct view views village villages ville vista wall
    well wells quays vale yard end nagar marg chowk bazaar ganj zila path subdivision glade nook brae brow byway
    chase circuit circus colonnade concourse copse courtyard cross dell drove elbow fairway firetrail footway
    foreshore frontage gap gate gates grange highroad interchange lookout meander outlook parklands pathway
    pocket promenade quadrangle quadrant ramble range reach reserve retreat ride ridgeway rotary roundabout
    serviceway siding slope steps strip subway thoroughfare tollway top towers triangle twist upper vue walkway
    waters waterway wynd piazza lea broadway access approach artery little stairs
"""
"""Street types after a name that are also common words: they count with a capital."""
LIKELY: Final = """
    way place court close terrace grove square gardens walk parade row trail circle rise mead wharf croft quay
    places terraces alley alleys courts
"""
"""Street types after a name that are common words without a capital."""
AFTER: Final = """
    straße weg platz allee gasse ring ufer damm chaussee steig stieg pfad utca utcája út útja tér tere körút krt
    rkp rakpart köz sor fasor sétány tänav tee puiestee pst mnt maantee iela gatvė gatve prospektas улица
    проспект pot straat laan plein gracht steeg dreef kade gata gatan väg vägen gränd gade vej allé alle plads
    plass vei veien veg vegen katu tie polku kuja bulevardi bulvāris prospekts sokak sokağı cadde caddesi
    bulvarı mahallesi prospekti küçəsi küçesi
"""
"""Street types after a name and before the number."""
BEFORE: Final = """
    rue chemin allée impasse quai viale piazza corso largo vicolo strada piazzale calle avenida avda avd paseo
    camino carrer plaça rúa rua travessa praça estrada alameda rodovia ul ulicy aleja aleje plac osiedle nám
    třída tř nábř nábřeží ул пр пер переулок бульвар бул шоссе шосе ш площадь пл наб набережная алл аллея вул
    вулиця набережна провулок пров λεωφ λεωφόρος οδός πλ πλατεία bulevardul bvd strada str calea splaiul
    intrarea aleea șoseaua şoseaua soseaua drumul piața ronda ronde glorieta carretera ctra callejón passeig
    passatge lungotevere contrada borgo salita traversa rampa stretto rotonda incrocio canale jalan jln jl gang
    gg lorong đường phố sítio quinta beco ladeira drève sentier venelle faubourg fbg rte passage villa traverse
    cuesta rambla pasaje pasadizo calzada prolongación periférico circunvalación andador cerrada privada
    diagonal diag transversal lago lagoa pátio aeroporto feira estação esplanada distrito favela morro trecho
    trevo colônia continuación corredor retorno ampliación circuito viaducto сквер carrera cra kra autopista
    peatonal viela vereda residencial loteamento condomínio conjunto parque jardim chácara fazenda núcleo setor
    passarela recanto quadra vale rang montée avenija
"""
"""Street types before a name."""
EITHER: Final = """
    avenue av avenues boulevard bd plaza via bulevar bulevard bulvar boulevarden strasse galleria galerie cesta
    trg ulica ulice nabrežje náměstí námestie trieda nábrežie
"""
"""Street types on either side of the name."""
WEAK: Final = """
    am im auf zum zur r praia campo zona barrio bairro vila urbanización polígono cours route place square
"""
"""Street types on either side that are also common words."""
CAPITAL: Final = """
    am im auf zum zur r via plaza villa passage gang gg os rampa salita canale rotonda diagonal quinta campo
    zona praia str traverse esplanade strada tee tie ring sor weg alle pass st av dr pl quai largo vale path
    ronda ronde traversa camino paseo corso lago lagoa feira estação esplanada distrito favela morro ш пр пл pot
    parque setor privada residencial carrera conjunto rang calle
"""
"""Of the two lists above, what counts in a text with capitals only when it has one."""
ENDING: Final = """
    straße strasse weg platz allee gasse brücke gässli ufer damm promenade chaussee steig straat plein plaats
    gracht kade dijk singel dreef laan steeg baan gatan vägen vagen gata gade gaten vej veien vegen vei veg
    vegur vangen stien allé stræde plads plass bakken torget katu kuja polku ntie ntien gränd stigen götu gerði
    braut brautin stræti straeti stígur bakki hraun steenweg rijksweg weide utca körút ulica iela tänav
    boulevard gatvė puiestee maantee caddesi sokağı hof svingen kroken
"""
"""What one-word street names end in."""
BOXES: Final = """
    postbox postfach postbus postboks pósthólf apartado bp pobox pob
"""
"""Post boxes of one word, and last words of those of several."""
BOX_ENDS: Final = """
    box postale postal pocztowa bag
"""
UNITS: Final = """
    apt apartment appt apto suite ste penthouse appartement wohnung mieszkanie departamento depto dpto dto lakás
    квартира кв apartamento appartamento étage bâtiment bât lejlighed lgh huoneisto
"""
"""Parts of a house."""
COMMON_UNITS: Final = """
    unit flat floor room level lot block plot sector building bldg rm fl shop office wing tower house villa door
    entrance trailer space slip interno scala esc piso piano andar stiege byt bloc blok etage stock puerta sala
    cjto bloco lote planta dept oficina torre local casa edif etapa bodega корп phase suites
"""
"""Parts of a house that are also common words: they count only beside a number and a name."""
DOTTED: Final = """
    al=p pl=p os=p u=S λ=p cl=p cr=p kr=p dg=p tv=p bl=U sc=U ap=u of=U ed=U et=U str=b ш=p пр=p пл=p стр=U к=U
"""
"""Abbreviations that count with a full stop only: `al.`"""
PARTICLES: Final = """
    de la le les du des del della delle dello dei degli di da do dos das den der dem van von zu zur zum het ter
    ten el los las al y e i l d of the na nad pod pri an og och saint san santa são sur sous en aux au à ob bei
"""
"""Small words within a name."""
NUMBER_SIGNS: Final = """
    nr no num number nº n° núm numéro č čp číslo д буд дом № bis hno
"""
"""Words before a number."""
COUNTRIES: Final = """
    afghanistan albania algeria andorra angola argentina armenia aruba australia austria azerbaijan bahamas
    bahrain bangladesh barbados belarus belgium belize benin bermuda bhutan bolivia botswana brazil brunei
    bulgaria burundi cambodia cameroon canada chad chile china colombia comoros congo croatia cuba curaçao
    cyprus czechia denmark djibouti dominica ecuador egypt eritrea estonia eswatini ethiopia fiji finland france
    gabon gambia georgia germany ghana gibraltar greece greenland grenada guadeloupe guam guatemala guernsey
    guinea guyana haiti honduras hungary iceland india indonesia iran iraq ireland israel italy jamaica japan
    jersey jordan kazakhstan kenya kiribati korea kosovo kuwait kyrgyzstan laos latvia lebanon lesotho liberia
    libya liechtenstein lithuania luxembourg macau macedonia madagascar malawi malaysia maldives mali malta
    martinique mauritania mauritius mexico micronesia moldova monaco mongolia montenegro montserrat morocco
    mozambique myanmar namibia nauru nepal netherlands nicaragua niger nigeria norway oman pakistan palau
    palestine panama paraguay peru philippines poland portugal qatar romania russia rwanda samoa senegal serbia
    seychelles singapore slovakia slovenia somalia spain sudan suriname swaziland sweden switzerland syria
    taiwan tajikistan tanzania thailand togo tonga tunisia turkey türkiye turkmenistan tuvalu uganda ukraine
    uruguay usa uk uzbekistan vanuatu venezuela vietnam yemen zambia zimbabwe deutschland österreich schweiz
    suisse svizzera belgique belgië nederland frankreich españa italia polska česko slovensko slovenija hrvatska
    srbija magyarország românia danmark norge sverige suomi ísland eesti latvija lietuva brasil méxico perú éire
    ελλάδα россия england scotland wales lëtzebuerg anguilla réunion mayotte tokelau niue antarctica
"""
"""Countries of one word."""
OPENINGS: Final = """
    united new south north democratic republic saudi sri sierra san costa el puerto burkina cape cabo czech
    dominican central equatorial guinea hong ivory papua solomon marshall cayman virgin faroe cook falkland
    british us northern french isle people's trinidad antigua bosnia sao st saint vatican east timor american
    turks cote norfolk netherlands libyan syrian russian lao korea slovak kyrgyz wallis federated western
    christmas bouvet
"""
"""First words of countries of several words."""
STOP: Final = """
    a an and the this that these those my your his her its our their it is are was were be been i you he she we
    they me him us them who what when where why how which if then than so but or nor not no yes to from in on at
    by for with about into over under after before between through during above below up down out off again once
    here there all any both each few more most other some such only own same too very can will just should would
    could may might must shall do does did have has had having please thanks thank hello hi dear hey also as
    because while until since near via per today tomorrow yesterday monday tuesday wednesday thursday friday
    saturday sunday january february march april june july jan feb mar apr jun jul aug sep sept oct nov dec
    august september october november december am pm mr mrs ms dr miss sir madam room gate chapter class
    terminal flight version figure table page step question day days week weeks month months year years grade
    platform order invoice number phone tel fax email e-mail mobile ssn card account windows iphone android
    boeing area section article part item items game season episode volume issue case group team scene exercise
    problem example python exit bus train line channel round lesson score size type model hour hours minute
    minutes second seconds mile miles feet foot kg km lb lbs percent times dollars cents people children
    students apples books two three four five six seven eight nine ten every many much let get got give gave
    make made take took see say said go goes went come want need know find use used there's it's i'm don't meet
    send visit lives live call born date dob name zip age id total sum equal equals plus minus
"""
"""Common words that are no part of a name, though a sentence may begin with one."""
LOWER_STOP: Final = """
    new old great good best first last next east west north south
"""
"""The same, where they begin with a small letter."""
LONG_COUNTRIES: Final = (
    r"united (?:states(?: of america)?|kingdom|arab emirates)|new (?:zealand|caledonia)|"
    r"(?:south|north) (?:africa|korea|sudan|macedonia)|"
    r"(?:democratic )?republic of (?:the )?(?:congo|korea|ireland|moldova)|democratic people's republic of korea|"
    r"people's republic of china|saudi arabia|sri lanka|sierra leone|san marino|costa rica|el salvador|"
    r"puerto rico|burkina faso|cape verde|cabo verde|czech republic|dominican republic|central african republic|"
    r"equatorial guinea|guinea-bissau|hong kong|ivory coast|cote d'ivoire|papua new guinea|"
    r"(?:solomon|marshall|cayman|faroe|cook|falkland|christmas) islands|"
    r"(?:(?:british|us|united states) )?virgin islands|northern ireland|norfolk island|netherlands antilles|"
    r"french (?:guiana|polynesia|southern territories)|isle of man|trinidad and tobago|antigua and barbuda|"
    r"bosnia and herzegovina|sao tome and principe|libyan arab jamahiriya|syrian arab republic|russian federation|"
    r"lao people's democratic republic|slovak republic|kyrgyz republic|wallis and futuna|western sahara|"
    r"s(?:t\.?|aint) (?:lucia|vincent|kitts|helena|martin|barthelemy)(?: and [a-z]+)?|vatican city|east timor|"
    r"timor-leste|american samoa|turks and caicos(?: islands)?|british indian ocean territory|"
    r"federated states of micronesia"
)
"""Countries of several words, as an expression."""
UK_AREAS: Final = """
    AB AL BA BB BD BH BL BN BR BS BT B CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY EC EH EN EX E FK
    FY GL GU GY G HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY LA LD LE LL LN LS LU L ME MK ML M NE NG NN
    NP NR NW N OL OX PA PE PH PL PO PR RG RH RM SA SE SG SK SL SM SN SO SP SR SS ST SW SY S TA TD TF TN TQ TR TS
    TW UB WA WC WD WF WN WR WS WV W YO ZE
"""
"""The letters that a British post code begins with."""
STATES: Final = """
    AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH
    OK OR PA PR RI SC SD TN TX UT VA VT WA WI WV WY
"""
"""The states of the United States."""
