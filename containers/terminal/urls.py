"""Addresses of terminals and one-off commands; the socket itself is in `containers.terminal.socket`."""

from django.urls import path

from containers.terminal.views import commands, recordings, terminals

urlpatterns = [
    path("instances/<int:number>/terminal/", terminals.new, name="terminal_new"),
    path("instances/<int:number>/command/", commands.run, name="command_new"),
    path("terminals/", terminals.index, name="terminals"),
    path("terminals/<int:number>/", terminals.show, name="terminal"),
    path("terminals/<int:number>/ticket/", terminals.ticket, name="terminal_ticket"),
    path("terminals/<int:number>/end/", terminals.end, name="terminal_end"),
    path("terminals/<int:number>/recording/", recordings.play, name="recording"),
    path("terminals/<int:number>/recording.cast", recordings.cast, name="recording_cast"),
    path("commands/<int:number>/", commands.show, name="command"),
    path("commands/<int:number>/output/", commands.output, name="command_output"),
    path("commands/<int:number>/cancel/", commands.cancel, name="command_cancel"),
]
