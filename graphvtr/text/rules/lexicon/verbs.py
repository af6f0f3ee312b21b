"""Verbs that do not follow the defaults: subject ARG0, object ARG1, recipient and complement ARG2."""

from __future__ import annotations

from graphvtr.text.rules.lexicon.base import words

# without an object, the subject is what moves, changes or is somewhere (unaccusative verbs): `the ice melts`
UNDERGOER_SUBJECT = words(
    """
    adjust appear arrive balloon be become begin bend blow boil bounce break burn burst change close collapse
    come continue crack crash crumble decline decrease derail die differ disappear dissolve drift drip drop dry
    emerge end erupt evaporate evolve exist expand explode fade fail fall fit fix flare flash flicker float flow
    fly form freeze glow graduate grow halt hang happen heat improve increase land last lay leak lean lie light loom
    mate matter melt merge mix move occur open originate overturn pass perch pop prevail proceed prove reflect
    relate remain rest result return rise roll rotate rush seem separate settle shatter shine shrink shut sink
    sit slide slip snap sound spill spin split spread stand start stay steam step stick stop suffer swell swing
    switch taste tend thrive tilt tip topple tumble turn unfold vanish vary wait wake weigh wilt
    """
)

# with an object too: `the book costs ten pounds`
UNDERGOER_SUBJECT_TRANSITIVE = words("become cost fit last mean reflect remain resemble suit total undergo weigh")

# `the set includes a pump`: the whole is ARG2
WHOLE_SUBJECT = words("include")

# the object is who is addressed, taught or fed (ARG2); what is said or given is ARG1
ADDRESSEE_OBJECT = words(
    """
    advise ask assure await cost email enable encircle feed fit help inform invite marry mean notify promise
    quote reflect remind surround teach tell train warn
    """
)

# of those, verbs whose object may as well be the message: `tells him`, `tells a joke`
ADDRESSEE_OR_MESSAGE = words("ask help promise quote teach tell")

# `he is given a ball`: beside an object the subject of the passive is the recipient
RECIPIENT_PASSIVE = words(
    """
    allocate allow ask assign award bring charge deny feed give grant guarantee hand lend offer owe pay promise
    quote read reimburse require sell send serve show teach tell throw
    """
)

# `he is told to go`: the subject of the passive is the addressee, or what surrounds is ARG1
EXPERIENCER_PASSIVE = words("ban cure inform notify reimburse remind surround suspect teach tell train warn")

# `feels soft`; other complements are ARG2 (`is soft`)
COMPLEMENT_ARG1 = words("believe consider deem feel find look make smell think")

# `stays warm`
COMPLEMENT_ARG3 = words("remain stay")

# the clause that the verb asks for is ARG2; of other verbs it is ARG1
CLAUSE_ARG2 = words(
    """
    advise assure compel convince encourage end entitle fail force inform inspire invite keep lead mean motivate
    notify persuade promise prompt qualify remind spend suppose tempt tend urge use wait warn
    """
)

# `is designed to last`
CLAUSE_ARG3 = words("design")

# verbs whose clause may stand before them: `he left, she said`
SAYING = words(
    """
    add announce argue ask believe claim exclaim explain guess hear hope insist know mean mention note reply
    report say shout sing state suggest suppose swear tell think warn whisper wonder write yell
    """
)

# forms that are no action of their own before an infinitive: `is going to jump`, `has to jump`
SEMI_AUXILIARIES = words("going gon gonna had has have having used")

# `it is easy to do`: the subject is not the doer
TOUGH_ADJECTIVES = words(
    """
    dangerous difficult easy expensive fun good great hard impossible nice pleasant safe simple tough tricky
    """
)

# `uses a knife to cut`: the doer is the subject although there is an object
SUBJECT_CONTROL = words("have need promise spend take threaten use")

# verbs that say how a thing is: a place after their object describes the object (`wears a hat on his head`)
DESCRIPTIVE_VERBS = words("contain feature have include know lack like love need own pose require want wear")

# with these a particle or path is a direction of its own (`walks away`); with others a particle is part of the verb
MOTION_VERBS = words(
    """
    arrive bounce bring carry charge chase climb come crawl creep cycle dance dash dive drag drift drive drop
    enter escape fall float flow fly follow gallop glide go head hike hop hurry jog jump lead leap lift lower
    march move pass pull push race raise reach return ride rise roll run rush sail sit skate ski skip slide slip
    speed spin sprint stand step stroll swim swing take throw toss travel turn wade walk wander wind
    """
)

# where a thing is: the place is an argument (ARG2)
POSITION_VERBS = words(
    """
    be crouch dangle float hang hover kneel lay lean lie perch place put rest set sit situate squat stand stay
    stick store
    """
)

# where a thing is put: the place is an argument (ARG2)
PLACEMENT_VERBS = words(
    """
    add apply arrange attach bury deposit drop dump fill fix force hang insert install invest jam lay load
    lock lower mount pack park paste place plant plug position pour press push put scatter seat set shove slide
    spill splash spray spread sprinkle squeeze squirt stick store stuff submerge throw thrust tie tuck wrap
    """
)

# `comes here`: the place is where the motion ends (ARG4)
ARRIVAL_VERBS = words("arrive come get go return")

# `puts the parts together`: the state that results (ARG2)
JOINING_VERBS = words("add bring come get glue join put sew stick tie")

# a second object is what the first one gets: `shows her mother a picture`
RECIPIENT_VERBS = words(
    """
    bake bring build buy cook draw feed find fix get give hand lend make offer order pass pay pour read sell send serve
    show sing slip teach tell throw toss write
    """
)

# without an object even beside a verb that has one: `sings and plays guitar`, `sits and eats a banana`
NO_OBJECT = words(
    """
    appear arrive bark be bend bow chat cheer chirp clap come compete cough crouch cry dance die dock exercise
    fall fight frown gather gesture get giggle go grin hide hop jog jump kneel land laugh lean lie listen live
    look meow nod party perform plan pose practice practise rest rise roll run scream shout sing sit sleep smile
    sneeze speak squat stand stare stay step study swim talk think travel try turn venture volunteer vomit wait
    wake walk wander wave work yawn yell
    """
)

# nouns in -ing that follow other nouns: `a dog clothing`
NOUNS_IN_ING = words(
    """
    awning bedding being boarding building carving ceiling clothing covering crossing drawing dressing earring evening
    everything farthing filling frosting icing king landing lettering lighting meeting morning nothing offspring opening
    painting parking paving pudding railing ring roofing roping setting sibling siding something spring stocking string
    swing thing topping towing trimming tubing walking-stick wedding wing wiring writing
    """
)

# what clothes do on their own; the rest is done by who wears them
CLOTHES_DO = words("cover drip fall flap flow hang lie match say show stick trail")

# verbs before a form in -ing that is theirs: `keeps running`, `goes shopping`
TAKES_ING = words(
    """
    admit avoid be begin catch come consider continue deny discuss dislike do enjoy feel find finish get go hate have
    hear imagine include involve keep leave like love mean mention mind miss need notice observe practice practise
    prefer quit recommend regret remember resist resume risk see send smell spend start stop suggest tolerate try want
    watch
    """
)

# of the verbs of motion, those that move themselves: what follows a particle is their path, not what they move
SELF_MOTION_VERBS = words(
    """
    climb crawl creep dash dive escape fall float fly gallop glide go hike hop hurry jog jump leap race rise roll run
    rush sail skate ski skip slide slip speed sprint step stroll swim travel wade walk wander
    """
)

# verbs that captions have without an auxiliary (`a train passing`, `two dogs bark`)
CAPTION_VERBS = (
    NO_OBJECT | MOTION_VERBS | POSITION_VERBS | PLACEMENT_VERBS | RECIPIENT_VERBS | UNDERGOER_SUBJECT
) | words(
    """
    bite braid brush carry chop clean cover cross cut drink eat face graze hit hold hug kick kiss lick mix nap overlook
    peel play point pull shake slice smell smoke stir surf surround touch use wash watch wear
    """
)
