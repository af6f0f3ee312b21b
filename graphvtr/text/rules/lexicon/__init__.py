"""What the role rules know about words: a small hand-written extract of PropBank's frame files and guidelines.

Most English verbs follow the defaults; the tables name those that do not, the verbs of video captions first.
"""

from graphvtr.text.rules.lexicon.modifiers import *  # noqa: F403
from graphvtr.text.rules.lexicon.prepositions import *  # noqa: F403
from graphvtr.text.rules.lexicon.verbs import *  # noqa: F403
