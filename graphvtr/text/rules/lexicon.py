"""What the role rules know about words: a small hand-written extract of PropBank's frame files and guidelines.

Most English verbs follow the defaults (subject ARG0, object ARG1, recipient ARG2); the tables name the verbs that do
not, with those of video captions first in mind.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _governed(text: str) -> dict[tuple[str, str], str]:
    """``"ROLE prep: verb verb ..."`` lines to ``{(verb, prep): role}``."""
    table: dict[tuple[str, str], str] = {}
    for line in text.strip().splitlines():
        head, verbs = line.split(":")
        role, *prepositions = head.split()
        table.update({(verb, preposition): role for verb in verbs.split() for preposition in prepositions})
    return table


# --- verbs -------------------------------------------------------------------------------------------------------

# without an object, the subject is what moves, changes or is somewhere (unaccusative verbs)
UNDERGOER_SUBJECT = _words(
    """
    adjust appear arrive balloon be become begin bend blow boil bounce break burn burst change close collapse come
    continue crack crash crawl_out crumble decline decrease derail die differ disappear dissolve drift drip drop dry
    emerge end erupt evaporate evolve exist expand explode fade fail fall fit fix flare flash flicker float flow fly
    form freeze glow graduate grow halt hang happen heat improve increase land last leak lean lie light loom matter
    melt merge mix move mate occur open originate overturn pass perch pop prevail proceed prove reflect relate remain
    rest result return rise roll rotate run_out rush seem separate settle shatter shine shrink shut sink sit slide slip
    snap sound spill spin split spread stand start stay steam step stick stop suffer swell swing switch taste tend
    thrive tilt tip topple tumble turn unfold vanish vary wait wake weigh wilt
    """
)
# also with an object
UNDERGOER_SUBJECT_TRANSITIVE = _words("become cost fit last mean reflect remain resemble suit total undergo weigh")
# `X includes Y`: the whole is ARG2
WHOLE_SUBJECT = _words("include")
# the object is who is addressed, affected or taught; what is said or taught is ARG1
ADDRESSEE_OBJECT = _words(
    "advise ask assure await cost email enable encircle feed fit inform invite marry mean notify promise quote reflect "
    "remind surround teach tell train warn"
)
# of those, verbs whose object is the addressee only beside a clause or a second object
ADDRESSEE_BESIDE_CLAUSE = _words("ask help promise quote serve supply invite")
# `he is given a ball`: with a second object the subject of the passive is the recipient
RECIPIENT_PASSIVE = _words(
    "allocate allow ask assign award bring charge deny feed give grant guarantee hand lend offer owe pay promise quote "
    "read reimburse require sell send serve show teach tell throw"
)
EXPERIENCER_PASSIVE = _words(
    "tell inform warn train teach surround notify remind cover_with cure ban reimburse suspect"
)

# complements: `feels soft` (ARG1), `stays warm` (ARG3); others ARG2
COMPLEMENT_ARG1 = _words("feel look make think consider find deem believe smell")
COMPLEMENT_ARG3 = _words("remain stay")
# clausal complements that are ARG2 rather than ARG1
CLAUSE_ARG2 = _words(
    "mean inform assure advise promise remind warn notify convince persuade keep suppose spend end tend wait force urge "
    "invite encourage lead use fail help_with motivate inspire entitle prompt tempt cause_to compel require_to qualify"
)
SAYING = _words(
    "add announce argue ask believe claim exclaim explain guess hear hope insist know mean mention note reply report say "
    "shout sing state suggest suppose swear tell think warn whisper wonder write yell"
)
CLAUSE_ARG3 = _words("design")
# `is going to jump`, `has to jump`, `used to jump`: no action of their own
SEMI_AUXILIARIES = _words("going gonna gon used have has had having")
TOUGH_ADJECTIVES = _words(
    "difficult dangerous easy expensive fun good great hard impossible nice pleasant safe simple tough tricky"
)
# verbs whose subject is also the doer of the infinitive although they have an object
SUBJECT_CONTROL = _words("promise threaten use take spend need have")

# --- particles and adverbs -------------------------------------------------------------------------------------------

# verbs with which a particle is a direction of its own; with others it belongs to the verb (`cut up`)
MOTION_VERBS = _words(
    """
    arrive bounce bring carry chase charge climb come crawl creep cycle dance dash dive drag drift drive drop enter
    escape fall float flow fly follow gallop glide go head hike hop hurry jog jump lead leap lift lower march move pass
    pull push race raise reach return ride rise roll run rush sail sit skate ski skip slide slip speed spin sprint stand
    step stroll swim swing take throw toss travel turn wade walk wander wind
    """
)
POSITION_VERBS = _words(
    "be crouch dangle float hang hover kneel lay lean lie perch place put rest set sit situate squat stand stay "
    "stick store"
)
PLACEMENT_VERBS = _words(
    "add apply arrange attach bury deposit drop dump fill fix force hang hide insert install invest jam lay load lock lower "
    "mount pack park paste place plant plug position pour press push put scatter seat set shove slide spill splash spray "
    "spread sprinkle squeeze squirt stick store stuff submerge throw thrust tie tuck wrap"
)
ARRIVAL_VERBS = _words("arrive come get go return")
DIRECTION_ADVERBS = _words(
    "across ahead along apart around aside away back backward backwards by down downhill downward downwards forth "
    "forward forwards in left off on onward out over past right round sideways through together under up uphill upstairs "
    "upward upwards downstairs clockwise counterclockwise anticlockwise"
)
TIME_ADVERBS = _words(
    """
    after afterward afterwards again ago already always annually before briefly constantly continually continuously
    currently daily earlier early eventually ever finally first forever formerly frequently hourly immediately initially
    instantly lately later long longer meanwhile momentarily monthly never next now nowadays occasionally often once
    originally periodically permanently presently previously prior rarely recently regularly second seldom shortly
    simultaneously since someday sometime sometimes soon sooner still subsequently suddenly temporarily then thereafter
    today tomorrow tonight twice usually weekly when whenever while yearly yesterday yet anymore anytime late indefinitely asap overnight
    """
)
PLACE_ADVERBS = _words(
    "abroad above anywhere ashore below beneath downtown elsewhere everywhere here indoors inside nearby nowhere outdoors "
    "outside overhead overseas somewhere there underneath underwater upstairs where wherever worldwide online"
)
EXTENT_ADVERBS = _words(
    "almost completely drastically enormously enough entirely fully further greatly heavily highly hugely immensely "
    "largely least less more most much nearly significantly slightly substantially thoroughly totally"
)
NEGATION = _words("not n't nt never no neither nor")
STANCE_ADVERBS = _words(
    """
    absolutely accordingly actually all alone apparently as basically best better certainly clearly definitely either else especially essentially even evidently
    exactly generally honestly hopefully indeed inevitably instead ironically just kindly kinda likely literally luckily mainly maybe merely mostly normally
    obviously only otherwise overall particularly partly perhaps personally possibly potentially presumably primarily probably purely
    rather really reportedly sadly seemingly seriously simply so solely somewhat specifically strongly supposedly sure
    surely technically therefore though thus too truly typically ultimately unfortunately usually very virtually far
    """
)
DISCOURSE_ADVERBS = _words(
    "also anyway anyways besides furthermore hence however likewise moreover nevertheless nonetheless plus similarly well_then"
)

# --- time and people ----------------------------------------------------------------------------------------------

TIME_NOUNS = _words(
    """
    afternoon age anniversary april august autumn birthday christmas century dawn day days decade decades december dusk
    easter era evening evenings fall february friday fridays future halftime hour hours hrs instant january july june
    lunchtime march may mid-day midday midnight millennium minute minutes moment moments monday mondays month months
    morning mornings night nights nighttime noon november occasion october past period saturday saturdays season
    sec second seconds semester september spring summer sunday sundays sunrise sunset thanksgiving thursday
    thursdays time times today tomorrow tonight tuesday tuesdays wednesday wednesdays week weekend weekends weeks while
    winter year years yesterday yr yrs min mins today meantime end beginning start daytime daylight
    """
)
EXTENT_NOUNS = _words("bit lot ton deal mile miles meter meters metre metres feet foot inch inches percent % times")
MANNER_NOUNS = _words("way manner fashion style circle circles speed pace unison silence detail motion")
PLACE_NOUNS = _words("place spot area room location site part country city town house building street where")
INSTRUMENTS = _words(
    "accordion banjo bass bongos cello clarinet cymbals drum drums flute guitar guitars harmonica harp horn instrument "
    "instruments keyboard keyboards oboe organ percussion piano recorder sax saxophone sitar tambourine trombone trumpet tuba "
    "ukulele viola violin xylophone"
)
PERSON_WORDS = _words(
    """
    actor actress adult adults athlete audience baby band boy boys boyfriend brother cameraman chef chefs child children
    clerk coach colleague colleagues couple cousin crowd dad daughter doctor driver employees everybody everyone family
    father fellow friend friends girl girls girlfriend granddaughter grandfather grandmother grandson group guest guests
    guy guys he her him host husband instructor interviewer judge judges kid kids lady ladies man me men mom mother
    parents partner people person player players police policeman reporter rider singer sister someone somebody son
    staff stranger student students teacher team teammate teenager them toddler us wife woman women you
    animal bear bird calf cat cats cow dog dogs duck elephant fish goat horse kitten kittens lion monkey panda parrot
    pig puppies puppy rabbit sheep tiger wolf
    """
)

# --- prepositions --------------------------------------------------------------------------------------------------

# roles that a verb gives to the object of a preposition
GOVERNED = _governed(
    """
    ARG1 about: ask care complain hear know learn talk tell think worry write wonder inquire read dream forget
    ARG1 after: ask look
    ARG1 as: serve work
    ARG1 at: aim bark gaze glance laugh look peek peer point_at smile stare yell
    ARG1 for: apply ask call care hope look search shop watch wish yearn account
    ARG1 from: suffer benefit
    ARG1 in: believe engage participate serve take_part specialize
    ARG1 into: look bite dig
    ARG1 like: feel look seem smell sound taste
    ARG1 of: approve complain dream hear know think consist dispose beware speak
    ARG1 on: concentrate_on chew comment feed insist nibble plan rely spend work depend step
    ARG1 through: go look flip browse
    ARG1 to: belong listen look refer respond reply react object subscribe attend adhere
    ARG1 with: agree check cope deal do help meet provide experiment tamper fiddle interact
    ARG1 over: preside argue
    ARG1 on upon: focus_on call
    ARG2 about: be think warn
    ARG2 against: lean rest press bang
    ARG2 among between: be sit stand
    ARG2 as: accept describe dress know refer regard see treat use disguise
    ARG2 for: blame check exchange leave mistake prepare search substitute thank use wait work pray
    ARG2 from: abstain acquire borrow buy collect get hear learn obtain order prevent protect purchase receive recover refrain rent separate steal take remove hide
    ARG2 in: result involve invest cover coat soak dip dress wrap
    ARG2 into: bring chop cut divide form fold grow make mix move roll run shape slice split transform translate turn
    ARG2 of: accuse assure be inform rob remind deprive
    ARG2 on: base concentrate focus be impose bet
    ARG2 to: add apply assign attach bring compare connect contribute deliver do explain feed forward give introduce lead lend limit mention move offer pass prove read recommend relate reveal say sell send show sing speak talk throw tie wave attend donate
    ARG2 toward towards: be
    ARG2 to into onto at in on across against over toward towards through: throw toss
    ARG2 with: play wash
    ARG2 with: associate combine compare connect cover decorate discuss fill fight fit load mix pack replace share speak stuff surround talk equip fence
    ARG2 like: be treat
    ARG3 from: come emerge
    ARG3 for: charge pay bill
    ARG3 to: take
    ARG3 with: work
    ARG3 at in on with: stay remain
    ARG4 from: rise
    ARG3 into in onto on over to: pour
    ARG4 to into onto: arrive come drop fall flow go return rise
    ARG4 at: arrive
    ARGM-COM with: go come live stay travel walk dance
    ARGM-PRP for: call come go need stop
    """
)
SPATIAL = _words(
    "above across against alongside along amid amidst among around at atop behind below beneath beside between beyond by "
    "in inside near nearby next off on onto opposite outside over past round throughout under underneath upon within"
)
PATHS = _words("across along around down off onto out over past round through toward towards up into to from away")
PREPOSITION_ROLE = {
    "about": "ARG1",
    "according": "ARGM-ADV",
    "after": "ARGM-TMP",
    "against": "ARG2",
    "as": "ARGM-PRD",
    "before": "ARGM-TMP",
    "because": "ARGM-CAU",
    "by": "ARGM-MNR",
    "despite": "ARGM-ADV",
    "due": "ARGM-CAU",
    "during": "ARGM-TMP",
    "except": "ARGM-ADV",
    "for": "ARGM-PRP",
    "from": "ARG2",
    "into": "ARG2",
    "like": "ARGM-MNR",
    "of": "ARG1",
    "per": "ARGM-ADV",
    "regarding": "ARG1",
    "since": "ARGM-TMP",
    "than": "ARGM-ADV",
    "through": "ARGM-DIR",
    "throughout": "ARGM-TMP",
    "to": "ARG2",
    "toward": "ARGM-DIR",
    "towards": "ARGM-DIR",
    "until": "ARGM-TMP",
    "till": "ARGM-TMP",
    "upon": "ARGM-TMP",
    "via": "ARGM-MNR",
    "whilst": "ARGM-TMP",
    "with": "ARGM-MNR",
    "without": "ARGM-MNR",
}

# --- adverbial clauses -------------------------------------------------------------------------------------------------

MARKER_ROLE = {
    "after": "ARGM-TMP",
    "as": "ARGM-ADV",
    "because": "ARGM-CAU",
    "before": "ARGM-TMP",
    "cause": "ARGM-CAU",
    "cos": "ARGM-CAU",
    "in": "ARGM-PRP",
    "like": "ARGM-MNR",
    "once": "ARGM-TMP",
    "since": "ARGM-CAU",
    "so": "ARGM-PRP",
    "till": "ARGM-TMP",
    "until": "ARGM-TMP",
    "when": "ARGM-TMP",
    "whenever": "ARGM-TMP",
    "where": "ARGM-LOC",
    "wherever": "ARGM-LOC",
    "while": "ARGM-TMP",
    "whilst": "ARGM-TMP",
}

DESCRIPTIVE_VERBS = _words("have know need want love like contain include wear feature own lack require pose")
DETACHED = _words(
    "in on at from into onto behind beside near under underneath inside outside across along above below over next around through against toward towards"
)
CLOTHES = _words(
    "apron bikini black blue boots cap cape clothes coat costume dress dresses glasses gloves green gown hat hats helmet "
    "hoodie jacket jackets jeans jersey kimono mask orange outfit outfits pajamas pants pink purple red robe robes scarf "
    "shirt shirts shoes shorts skirt skirts socks suit suits sunglasses sweater swimsuit tie top trousers tuxedo uniform "
    "uniforms veil vest white wig yellow"
)
