from features.bulk.lockcommands import LockCommand
from features.bulk.wanted import Action


class Command(LockCommand):
    help = "Lock what owners set, so that nobody below them can set the feature otherwise."
    example = "features_lock organization:acme login_default_org"
    action = Action.LOCK
