"""The tokens closest to a language that Whisper has none for, by family and script.

Related languages share sounds and words, and a common script is what the decoder can already spell.
"""

from collections.abc import Collection

from asr.families.whisper.tokens.languages import CODES

MOST = 4  # languages to suggest

# ISO 639 codes by family and branch, as Glottolog groups them: all of ISO 639-1 but the planned and
# the dead ones, Whisper's, and others with public corpora of speech.
_BRANCHES = """
Indo-European, Germanic: en de nl sv no da is nn nb yi af lb fo fy gsw nds li
Indo-European, Romance: es fr pt ca ro it gl oc la an ast co rm sc lij vec fur wa scn ht
Indo-European, Slavic: ru pl uk hr bg cs sr sk sl be mk bs hsb dsb rue csb szl cu
Indo-European, Baltic: lt lv ltg sgs
Indo-European, Celtic: cy br ga gd gv kw
Indo-European, Iranian: fa tg ps ku ckb kmr os zza glk mzn
Indo-European, Indo-Aryan: hi ur bn ne mr pa si sd gu as sa or bho mai gom ks dv rom awa
Indo-European, Greek: el
Indo-European, Armenian: hy hyw
Indo-European, Albanian: sq
Turkic, Oghuz: tr az tk gag
Turkic, Kipchak: kk tt ba ky crh nog krc kum
Turkic, Karluk: uz ug
Turkic, Oghur: cv
Turkic, Siberian: sah tyv
Uralic, Finnic: fi et krl vep vro liv
Uralic, Permic: udm kv koi
Uralic, Mordvin and Mari: myv mdf mhr mrj
Uralic, Sami: se sma smj smn sms
Uralic, Hungarian: hu
Dravidian, Dravidian: ta ml te kn tcy
Austronesian, Western: ms id tl jw jv su mg ceb ilo min ban ace
Austronesian, Oceanic: mi haw sm to ty fj ch mh na rap
Sino-Tibetan, Sinitic: zh yue nan hak wuu
Sino-Tibetan, Burmic and Bodic: bo my dz ii cnh
Kra-Dai, Tai: th lo za shn
Austroasiatic, Vietic and Khmer: vi km kha
Afro-Asiatic, Semitic: ar he am mt ti tig arz ary arc
Afro-Asiatic, Cushitic: so om aa
Afro-Asiatic, Chadic: ha
Afro-Asiatic, Berber: kab zgh tzm rif
Niger-Congo, Bantu: sw sn ln zu xh rw rn lg ny st tn ts ve ss nr nd ki kg lu kj ng hz bem
Niger-Congo, Volta-Niger: yo ig
Niger-Congo, Kwa: ak tw ee gaa
Niger-Congo, Atlantic: wo ff
Kartvelian, Kartvelian: ka xmf
Mongolic, Mongolic: mn bua xal
Japonic, Japonic: ja
Koreanic, Koreanic: ko
Vasconic, Vasconic: eu
"""
_BRANCH_OF = {
    code: line.partition(":")[0].split(", ")
    for line in _BRANCHES.strip().splitlines()
    for code in line.partition(":")[2].split()
}


def closest_tokens(language: str, tokens: Collection[str] = CODES) -> str:
    """Name the closest of ``tokens``, such as «closest by family and script: cy, br».

    Those of its branch, else of its family, else of its script alone; of a language that the table
    above lacks, only the script is known. Those of its script come first, and among them those that
    Whisper was trained on most.

    >>> closest_tokens("ku")
    'closest by family and script: fa, tg, ps'
    """
    script, relatives = _script(language), _BRANCH_OF.get(language)
    alike = [code for code in CODES if code in tokens and script and _script(code) == script]
    for depth in (slice(None), slice(1)):  # the branch, then the family alone
        related = [
            code
            for code in CODES
            if code in tokens and relatives and _BRANCH_OF[code][depth] == relatives[depth]
        ]
        if related:
            related.sort(key=lambda code: code not in alike)
            return f"closest by family and script: {', '.join(related[:MOST])}"
    if alike:
        return f"closest by script alone: {', '.join(alike[:MOST])}"
    return "none is close by family or script"


def _script(language: str) -> str | None:
    """The script that a language is mostly written in, such as ``Cyrl``."""
    import langcodes  # takes 0.1 s, and only an error needs it

    return langcodes.Language.get(language).maximize().script
