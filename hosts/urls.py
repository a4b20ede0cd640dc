from django.urls import URLPattern, URLResolver, path, register_converter
from django.urls.converters import StringConverter

from hosts.views import certificates, charts, commands, conformance, machines, measuring, network, operations, upkeep


class HostAction(StringConverter):
    regex = "cordon|uncordon|retire|bring-back|refresh|remove"


class AccessVerb(StringConverter):
    regex = "test|trust|remove"


class UpkeepKind(StringConverter):
    regex = r"daemon\.(?:read|apply)|tls\.(?:rotate|issue)|engine\.(?:restart|upgrade)"


class ConformanceAction(StringConverter):
    regex = "check|fix|undo|waive"


register_converter(AccessVerb, "access_verb")
register_converter(HostAction, "host_action")
register_converter(ConformanceAction, "conformance_action")
register_converter(UpkeepKind, "upkeep_kind")
app_name = "hosts"
urlpatterns: list[URLPattern | URLResolver] = [
    path("hosts/", machines.fleet, name="fleet"),
    path("hosts/new/", machines.new, name="new"),
    path("hosts/setup/", upkeep.set_up, name="setup"),
    path("hosts/groups/", machines.groups, name="groups"),
    path("hosts/groups/<slug:slug>/", machines.group, name="group"),
    path("hosts/commands/", commands.commands, name="commands"),
    path("hosts/commands/new/", commands.new, name="command_new"),
    path("hosts/commands/<slug:name>/", commands.command, name="command"),
    path("hosts/commands/<slug:name>/edit/", commands.edit, name="command_edit"),
    path("hosts/commands/<slug:name>/review/", commands.review, name="command_review"),
    path("hosts/commands/<slug:name>/remove/", commands.remove, name="command_remove"),
    path("hosts/conformance/", conformance.fleet, name="conformance"),
    path("hosts/conformance/waivers/", conformance.waivers, name="waivers"),
    path("hosts/conformance/waivers/group/", conformance.waive_group, name="waive_group"),
    path("hosts/conformance/waivers/<int:pk>/end/", conformance.unwaive, name="unwaive"),
    path("hosts/conformance/profiles/", conformance.profiles, name="profiles"),
    path("hosts/conformance/profiles/new/", conformance.profile_new, name="profile_new"),
    path("hosts/conformance/profiles/<int:pk>/", conformance.profile, name="profile"),
    path("hosts/<slug:name>/conformance/", conformance.host, name="conformance_host"),
    path("hosts/<slug:name>/conformance/<conformance_action:action>/", conformance.act, name="conformance_act"),
    path("hosts/<slug:name>/", machines.host, name="host"),
    path("hosts/<slug:name>/charts/", charts.host, name="host_charts"),
    path("hosts/<slug:name>/daemon/", upkeep.daemon_file, name="daemon"),
    path("hosts/<slug:name>/upkeep/<upkeep_kind:kind>/", upkeep.start, name="upkeep"),
    path("hosts/<slug:name>/measuring/", measuring.choose, name="measuring"),
    path("hosts/<slug:name>/setup/", upkeep.set_up_again, name="setup_again"),
    path("hosts/<slug:name>/edit/", machines.edit, name="edit"),
    path("hosts/<slug:name>/<host_action:action>/", machines.act, name="act"),
    path("hosts/<slug:name>/operations/", operations.operations, name="operations"),
    path("hosts/<slug:name>/operations/<int:pk>/", operations.operation, name="operation"),
    path("hosts/<slug:name>/operations/<int:pk>/cancel/", operations.cancel, name="operation_cancel"),
    path("hosts/<slug:name>/ssh/", operations.access, name="access"),
    path("hosts/<slug:name>/ssh/<access_verb:verb>/", operations.access_act, name="access_act"),
    path("settings/certificates/", certificates.overview, name="certificates"),
    path("settings/certificates/<int:pk>.pem", certificates.download, name="authority"),
    path("settings/certificates/<int:pk>/retire/", certificates.retire, name="authority_retire"),
    path("network/", network.network, name="network"),
    path("network/new/", network.new, name="segment_new"),
    path("network/id/<int:pk>/", network.segment_by_key, name="segment_by_key"),
    path("network/<slug:slug>/", network.segment, name="segment"),
    path("network/<slug:slug>/edit/", network.edit, name="segment_edit"),
    path("network/<slug:slug>/remove/", network.remove, name="segment_remove"),
    path("network/<slug:slug>/networks/", network.network_ask, name="network_ask"),
    path("network/<slug:slug>/reserve/", network.reserve, name="reserve"),
    path("network/<slug:slug>/unreserve/<int:pk>/", network.unreserve, name="unreserve"),
]
