"""Forms of services, places, environments and the deploy wizard."""

from containers.forms.base import RemoveForm, SaneForm
from containers.forms.choices import as_fields, chosen_of, hosts_of
from containers.forms.environments import COLOURS, EnvironmentForm
from containers.forms.releases import AddressForm, DrainForm, InformationForm, MoveForm, ScaleForm, image_of
from containers.forms.services import PROJECT_FIELDS, ServiceChangeForm, ServiceForm
from containers.forms.settings import ConfigForm, VersionsForm
from containers.forms.texts import initial_of, pairs_read, pairs_shown

__all__ = [
    "COLOURS",
    "PROJECT_FIELDS",
    "AddressForm",
    "ConfigForm",
    "DrainForm",
    "EnvironmentForm",
    "InformationForm",
    "MoveForm",
    "RemoveForm",
    "SaneForm",
    "ScaleForm",
    "ServiceChangeForm",
    "ServiceForm",
    "VersionsForm",
    "as_fields",
    "chosen_of",
    "hosts_of",
    "image_of",
    "initial_of",
    "pairs_read",
    "pairs_shown",
]
