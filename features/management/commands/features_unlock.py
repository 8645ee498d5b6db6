from features.bulk.lockcommands import LockCommand
from features.bulk.wanted import Action


class Command(LockCommand):
    help = "Unlock what owners set: the levels below may set the feature again."
    example = "features_unlock organization:acme login_default_org"
    action = Action.UNLOCK
