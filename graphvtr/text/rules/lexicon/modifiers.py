"""Adverbs by what they tell, and nouns that name times, extents, manners, people and clothes."""

from __future__ import annotations

from graphvtr.text.rules.lexicon.base import words

DIRECTION_ADVERBS = words(
    """
    across ahead along anticlockwise apart around aside away back backward backwards by clockwise
    counterclockwise down downhill downstairs downward downwards forth forward forwards in left off on onward
    out over past right round sideways through together under up uphill upstairs upward upwards
    """
)

PARTICLES = words("off out up")

TIME_ADVERBS = words(
    """
    after afterward afterwards again ago already always annually anymore anytime asap before briefly constantly
    continually continuously currently daily earlier early eventually ever finally first forever formerly
    frequently hourly immediately indefinitely initially instantly late lately later long longer meanwhile
    momentarily monthly never next now nowadays occasionally often once originally overnight periodically
    permanently presently previously prior rarely recently regularly second seldom shortly simultaneously since
    someday sometime sometimes soon sooner still subsequently suddenly temporarily then thereafter today
    tomorrow tonight twice usually weekly when whenever while yearly yesterday yet
    """
)

PLACE_ADVERBS = words(
    """
    above abroad anywhere ashore below beneath downtown elsewhere everywhere here indoors inside nearby nowhere
    online outdoors outside overhead overseas somewhere there underneath underwater where wherever
    worldwide
    """
)

EXTENT_ADVERBS = words(
    """
    almost completely drastically enormously enough entirely fully further greatly heavily highly hugely
    immensely largely least less more most much nearly significantly slightly substantially thoroughly totally
    """
)

NEGATION = words("n't neither no nor not nt")

# how the speaker sees it, or focus: ARGM-ADV
STANCE_ADVERBS = words(
    """
    absolutely accordingly actually all alone apparently as basically best better certainly clearly definitely
    either else especially essentially even evidently exactly far generally honestly hopefully indeed inevitably
    instead ironically just kinda kindly likely literally luckily mainly maybe merely mostly normally obviously
    only otherwise overall particularly partly perhaps personally possibly potentially presumably primarily
    probably purely rather really reportedly sadly seemingly seriously simply so solely somewhat specifically
    strongly supposedly sure surely technically therefore though thus too truly typically ultimately
    unfortunately very virtually
    """
)

# what ties sentences together: ARGM-DIS
DISCOURSE_ADVERBS = words(
    """
    also anyway anyways besides furthermore hence however likewise moreover nevertheless nonetheless plus
    similarly
    """
)

TIME_NOUNS = words(
    """
    afternoon age anniversary april august autumn beginning birthday century christmas dawn day daylight days
    daytime decade decades december dusk easter end era evening evenings fall february friday fridays future
    halftime hour hours hrs instant january july june lunchtime march may meantime mid-day midday midnight
    millennium min mins minute minutes moment moments monday mondays month months morning mornings night nights
    nighttime noon november occasion october past period saturday saturdays season sec second seconds semester
    september spring start summer sunday sundays sunrise sunset thanksgiving thursday thursdays time times today
    tomorrow tonight tuesday tuesdays wednesday wednesdays week weekend weekends weeks while winter year years
    yesterday yr yrs
    """
)

EXTENT_NOUNS = words("% bit deal feet foot inch inches lot meter meters metre metres mile miles percent times ton")

MANNER_NOUNS = words("circle circles detail fashion manner motion pace silence speed style unison way")

# `plays the guitar` (ARG2), other than `plays a game` (ARG1)
INSTRUMENTS = words(
    """
    accordion banjo bass bongos cello clarinet cymbals drum drums flute guitar guitars harmonica harp horn
    instrument instruments keyboard keyboards oboe organ percussion piano recorder sax saxophone sitar
    tambourine trombone trumpet tuba ukulele viola violin xylophone
    """
)

# people and animals: `with her friends` is company, `with a knife` is means
PERSON_WORDS = words(
    """
    actor actress adult adults animal athlete audience baby band bear bird boy boyfriend boys brother calf
    cameraman cat cats chef chefs child children clerk coach colleague colleagues couple cousin cow crowd dad
    daughter doctor dog dogs driver duck elephant employees everybody everyone family father fellow fish friend
    friends girl girlfriend girls goat granddaughter grandfather grandmother grandson group guest guests guy
    guys he her him horse host husband instructor interviewer judge judges kid kids kitten kittens ladies lady
    lion man me men mom monkey mother panda parents parrot partner people person pig player players police
    policeman puppies puppy rabbit reporter rider sheep singer sister somebody someone son staff stranger
    student students teacher team teammate teenager them tiger toddler us wife wolf woman women you
    """
)

# `a man in a hat`, `a woman in red`: describes the person, is no place of the event
CLOTHES = words(
    """
    apron bikini black blue boots cap cape clothes coat costume dress dresses glasses gloves gown green hat hats
    helmet hoodie jacket jackets jeans jersey kimono mask orange outfit outfits pajamas pants pink purple red
    robe robes scarf shirt shirts shoes shorts skirt skirts socks suit suits sunglasses sweater swimsuit tie top
    trousers tuxedo uniform uniforms veil vest white wig yellow
    """
)

# `walks in a circle`, `dances in a red dress`
MANNERS_AND_CLOTHES = MANNER_NOUNS | CLOTHES
