"""The sheets of the page that shows pretend tickets: HTML with blanks, nothing else."""

from __future__ import annotations

_FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}Pretend tickets{% endblock %}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; color: #1d2733; }
a { color: #0b5cad; } h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
td, th { text-align: left; padding: .35rem .5rem .35rem 0;
  border-bottom: 1px solid #d5dce4; vertical-align: top; }
form { display: flex; flex-wrap: wrap; gap: .5rem; margin: .5rem 0; align-items: end; }
label { display: block; font-size: .85rem; } input, select, textarea, button { font: inherit; padding: .35rem;
  max-width: 100%; }
textarea { width: 100%; min-height: 4.5rem; box-sizing: border-box; }
.said { border-left: 4px solid #7da7d9; padding: .2rem .8rem; margin: .6rem 0; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.internal { border-color: #d9a400; background: #fff8e1; } .change { border-color: #c3ccd6; color: #51606f; }
.who { font-size: .85rem; color: #51606f; }
</style>
</head>
<body>
{% block body %}{% endblock %}
</body>
</html>
"""

_ALL = """{% extends "frame.html" %}
{% block body %}
<h1>Pretend tickets</h1>
<p>Nothing here is real. What you do here, customers and agents do there; Stepladder is told of it by webhook.</p>
{% for name, desk in desks.items() %}
<h2>{{ name }}</h2>
<table>
<tr><th>Ticket</th><th>Subject</th><th>Level</th><th>Status</th><th>Priority</th><th>With</th></tr>
{% for view in desk.tickets() %}
<tr><td><a href="{{ url_for('one', desk=name, ticket=view.id) }}">{{ view.key }}</a></td><td>{{ view.subject }}</td>
<td>{{ view.level or 1 }}</td><td>{{ view.status }}</td><td>{{ view.priority or "none" }}</td>
<td>{{ view.group or "" }}{% if view.assignee %} / {{ view.assignee }}{% endif %}</td></tr>
{% else %}
<tr><td colspan="6">No ticket yet.</td></tr>
{% endfor %}
</table>
<form method="post" action="{{ url_for('open_ticket', desk=name) }}">
<label>A customer asks <input name="subject" required placeholder="Subject"></label>
<label>Text <input name="text" required></label>
<label>Priority <select name="priority"><option value="">none</option>
{% for word in desk.choices()["priority"] %}<option>{{ word }}</option>{% endfor %}</select></label>
<button>Open a ticket</button>
</form>
<details><summary>Let something go wrong ({{ desk.faults.left() | length }} to come)</summary>
<ul>{% for fault in desk.faults.left() %}
<li>{{ fault.times }} × {{ fault.do }} at {{ fault.match }}</li>{% endfor %}</ul>
<form method="post" action="{{ url_for('spoil', desk=name) }}">
<label>What <select name="do">
{% for word, meaning in words.items() %}<option value="{{ word }}">{{ word }}: it {{ meaning }}</option>{% endfor %}
</select></label>
<label>When <select name="match"><option value="writes">something is written</option>
<option value="reads">something is read</option><option value="all">anything is asked</option></select></label>
<label>Times <input name="times" type="number" min="1" value="1" size="4"></label>
<label>Seconds <input name="seconds" type="number" min="0" step="0.1" value="0" size="4"></label>
<label>Retry-After <input name="retry_after" size="6"></label>
<button>Let it happen</button><button name="clear" value="yes">Nothing more</button>
</form>
<form method="post" action="{{ url_for('deliver', desk=name) }}">
<label>Webhooks</label><button name="do" value="hold">Hold back</button>
<button name="do" value="release">Release</button>
<button name="do" value="double">Deliver twice</button><button name="do" value="straight">As usual</button>
</form>
</details>
{% if desk.outbound %}
<details><summary>Mails to customers ({{ desk.outbound | length }})</summary>
{% for mail in desk.outbound %}
<div class="said"><div class="who">to {{ mail.to }}: {{ mail.subject }}</div>{{ mail.text }}</div>{% endfor %}
</details>
{% endif %}
{% endfor %}
{% endblock %}
"""

_ONE = """{% extends "frame.html" %}
{% block title %}{{ view.key }} {{ view.subject }}{% endblock %}
{% block body %}
<p><a href="{{ url_for('all') }}">All tickets</a></p>
<h1>{{ view.key }} {{ view.subject }}</h1>
<form method="post" action="{{ url_for('change', desk=name, ticket=view.id) }}">
{% for field, now in chosen.items() %}
<label>{{ field | capitalize }} <select name="{{ field }}">
{% if now not in choices[field] %}<option value="" selected>{{ now or "none" }}</option>{% endif %}
{% for word in choices[field] %}<option{% if word == now %} selected{% endif %}>{{ word }}</option>{% endfor %}
</select></label>
{% endfor %}
<label>Level <input name="level" type="number" min="1" max="9" value="{{ view.level or 1 }}"></label>
<button>Change it as an agent</button>
</form>
<p class="who">Followers: {{ view.followers | join(", ") or "nobody" }}.
Tags: {{ view.tags | join(", ") or "none" }}.</p>
{% for one in desk.history(view.id) %}
<div class="said{% if one.public is none %} change{% elif not one.public %} internal{% endif %}"><div class="who">
{{- one.at.strftime("%Y-%m-%d %H:%M:%S") }} {{ one.who }}
{%- if one.public is none %} changed{% elif not one.public %} wrote internally{% else %} wrote{% endif %}</div>
{{- one.says }}</div>
{% endfor %}
<form method="post" action="{{ url_for('say', desk=name, ticket=view.id) }}">
<textarea name="text" required aria-label="Text"></textarea>
<label><input type="radio" name="who" value="customer" checked> customer</label>
<label><input type="radio" name="who" value="agent"> agent, to the customer</label>
<label><input type="radio" name="who" value="internal"> agent, internally</label>
<button>Write</button>
</form>
{% endblock %}
"""

SHEETS = {"frame.html": _FRAME, "all.html": _ALL, "one.html": _ONE}
"""HTML by name."""
