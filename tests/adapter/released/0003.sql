BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE arrivals (
	delivery INTEGER NOT NULL, 
	ref TEXT NOT NULL, 
	read BOOLEAN DEFAULT (false) NOT NULL, 
	PRIMARY KEY (delivery, ref), 
	FOREIGN KEY(delivery) REFERENCES deliveries ("row") ON DELETE CASCADE
);
INSERT INTO "arrivals" VALUES(1,'desk/acme/7',1);
INSERT INTO "arrivals" VALUES(2,'desk/acme/8',1);
INSERT INTO "arrivals" VALUES(3,'desk/acme/9',0);
CREATE TABLE calls (
	"key" TEXT NOT NULL, 
	ref TEXT NOT NULL, 
	state TEXT NOT NULL, 
	open BOOLEAN NOT NULL, 
	created_at DOUBLE NOT NULL, 
	attempted_at DOUBLE, 
	attempts INTEGER NOT NULL, 
	outcome TEXT NOT NULL, 
	body BLOB NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "calls" VALUES('526a086bfa29/1','desk/acme/7','written',0,1803891601.0,1803891601.0,1,'made 526a086bfa29/1',CAST('{"operation":"526a086bfa29","number":1,"verb":"set","parts":{"group":"Experts","level":2},"note":null,"expect":{"group":"Experts","level":"2"},"told":[],"repeatable":true,"aims":["group"],"otherwise":[]}' AS BLOB));
INSERT INTO "calls" VALUES('526a086bfa29/2','desk/acme/7','written',0,1803891601.0,1803891601.0,1,'made 526a086bfa29/2',CAST('{"operation":"526a086bfa29","number":2,"verb":"say","parts":{"note":true},"note":{"lines":[{"spans":[{"text":"▲ Level 2 · Specialist (Experts): please take. Assign yourself, reply or write /ack = taken.","speech":"strong"}],"label":""},{"spans":[{"text":"urgent: priority urgent.","speech":"ours"}],"label":"Why"},{"spans":[{"text":"not recorded · waiting for an answer 0 s, since 09:00 UTC","speech":"ours"}],"label":"Customer"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Problem"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Tried so far"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Last told the customer"},{"spans":[{"text":"level 1 → 2; Support → Experts","speech":"ours"}],"label":"Changed"},{"spans":[{"text":"Stepladder · policy 342b0cb5012e · op 526a086bfa29","speech":"ours"}],"label":""}]},"expect":{},"told":[],"repeatable":false,"aims":[],"otherwise":[]}' AS BLOB));
INSERT INTO "calls" VALUES('cb645e5afcfc/1','desk/acme/8','sending',1,1803891601.0,1803891601.0,1,'the answer did not arrive',CAST('{"operation":"cb645e5afcfc","number":1,"verb":"set","parts":{"group":"Experts","level":2},"note":null,"expect":{"group":"Experts","level":"2"},"told":[],"repeatable":true,"aims":["group"],"otherwise":[]}' AS BLOB));
INSERT INTO "calls" VALUES('cb645e5afcfc/2','desk/acme/8','planned',1,1803891601.0,NULL,0,'',CAST('{"operation":"cb645e5afcfc","number":2,"verb":"say","parts":{"note":true},"note":{"lines":[{"spans":[{"text":"▲ Level 2 · Specialist (Experts): please take. Assign yourself, reply or write /ack = taken.","speech":"strong"}],"label":""},{"spans":[{"text":"urgent: priority urgent.","speech":"ours"}],"label":"Why"},{"spans":[{"text":"not recorded · waiting for an answer 0 s, since 09:00 UTC","speech":"ours"}],"label":"Customer"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Problem"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Tried so far"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Last told the customer"},{"spans":[{"text":"level 1 → 2; Support → Experts","speech":"ours"}],"label":"Changed"},{"spans":[{"text":"Stepladder · policy 342b0cb5012e · op cb645e5afcfc","speech":"ours"}],"label":""}]},"expect":{},"told":[],"repeatable":false,"aims":[],"otherwise":[]}' AS BLOB));
CREATE TABLE days (
	site TEXT NOT NULL, 
	day TEXT NOT NULL, 
	calls INTEGER NOT NULL, 
	changed INTEGER NOT NULL, 
	missed INTEGER NOT NULL, 
	ours INTEGER NOT NULL, 
	outside INTEGER NOT NULL, 
	PRIMARY KEY (site, day)
);
INSERT INTO "days" VALUES('desk/acme','2027-03-01',3,0,0,0,0);
CREATE TABLE deliveries (
	"row" INTEGER NOT NULL, 
	vendor TEXT NOT NULL, 
	site TEXT NOT NULL, 
	vendor_id TEXT, 
	received_at DOUBLE NOT NULL, 
	headers BLOB NOT NULL, 
	"query" TEXT NOT NULL, 
	body BLOB, 
	problem TEXT, 
	PRIMARY KEY ("row"), 
	UNIQUE (vendor, site, vendor_id)
);
INSERT INTO "deliveries" VALUES(1,'desk','acme','d1',1803891601.0,CAST('{"x-id":"d1"}' AS BLOB),'',CAST('{"tickets": ["7"], "events": [{"id": "e1.0", "at": "2027-03-01T09:00:01+00:00", "kind": "created", "ticket": {"group": "Support", "status": "new", "priority": "urgent", "assignee": null, "level": 1, "tags": [], "exposed": null, "created_at": "2027-03-01T09:00:01+00:00"}}]}' AS BLOB),NULL);
INSERT INTO "deliveries" VALUES(2,'desk','acme','d2',1803891601.0,CAST('{"x-id":"d2"}' AS BLOB),'',CAST('{"tickets": ["8"], "events": [{"id": "e2.0", "at": "2027-03-01T09:00:01+00:00", "kind": "created", "ticket": {"group": "Support", "status": "new", "priority": "urgent", "assignee": null, "level": 1, "tags": [], "exposed": null, "created_at": "2027-03-01T09:00:01+00:00"}}]}' AS BLOB),NULL);
INSERT INTO "deliveries" VALUES(3,'desk','acme','d3',1803891661.0,CAST('{"x-id":"d3"}' AS BLOB),'',CAST('{"tickets": ["9"], "events": [{"id": "e3.0", "at": "2027-03-01T09:01:01+00:00", "kind": "created", "ticket": {"group": "Support", "status": "new", "priority": "urgent", "assignee": null, "level": 1, "tags": [], "exposed": null, "created_at": "2027-03-01T09:01:01+00:00"}}]}' AS BLOB),NULL);
CREATE TABLE events (
	ref TEXT NOT NULL, 
	event TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	body BLOB NOT NULL, 
	PRIMARY KEY (ref, event)
);
INSERT INTO "events" VALUES('desk/acme/7','e1.0',1803891601.0,CAST('{"id":"e1.0","kind":"created","at":"2027-03-01T09:00:01Z","received_at":"2027-03-01T09:00:01Z","actor":{"id":"casey","role":"requester","name":null},"changes":[],"comment":null,"ticket":{"ref":{"vendor":"desk","site":"acme","id":"7"},"known":["assignee","created_at","exposed","group","level","priority","status","tags"],"as_of":"2027-03-01T09:00:01Z","key":null,"url":null,"subject":null,"status":"new","priority":4,"kind":null,"group":{"id":"Support","name":"Support"},"assignee":null,"requester":null,"organization":null,"brand":null,"project":null,"form":null,"tags":[],"level":1,"product":null,"impact":null,"urgency":null,"tier":null,"language":null,"channel":null,"custom":{},"portal":null,"exposed":null,"created_at":"2027-03-01T09:00:01Z","due_at":null,"sla_breach_at":null,"blocked_by":[]},"merged_into":null,"reason":null,"order":"","siblings":false,"delivery":1}' AS BLOB));
INSERT INTO "events" VALUES('desk/acme/7','wrote:526a086bfa29/1',1803891601.0,CAST('{"id":"wrote:526a086bfa29/1","kind":"changed","at":"2027-03-01T09:00:01Z","received_at":"2027-03-01T09:00:01Z","actor":{"id":"stepladder","role":"ours","name":"Stepladder"},"changes":[{"field":"level","before":null,"after":"2","after_name":"2"},{"field":"group","before":null,"after":"Experts","after_name":"Experts"}],"comment":null,"ticket":null,"merged_into":null,"reason":null,"order":"","siblings":false,"delivery":null}' AS BLOB));
INSERT INTO "events" VALUES('desk/acme/7','wrote:526a086bfa29/2',1803891601.0,CAST('{"id":"wrote:526a086bfa29/2","kind":"changed","at":"2027-03-01T09:00:01Z","received_at":"2027-03-01T09:00:01Z","actor":{"id":"stepladder","role":"ours","name":"Stepladder"},"changes":[],"comment":null,"ticket":null,"merged_into":null,"reason":null,"order":"","siblings":false,"delivery":null}' AS BLOB));
INSERT INTO "events" VALUES('desk/acme/8','e2.0',1803891601.0,CAST('{"id":"e2.0","kind":"created","at":"2027-03-01T09:00:01Z","received_at":"2027-03-01T09:00:01Z","actor":{"id":"casey","role":"requester","name":null},"changes":[],"comment":null,"ticket":{"ref":{"vendor":"desk","site":"acme","id":"8"},"known":["assignee","created_at","exposed","group","level","priority","status","tags"],"as_of":"2027-03-01T09:00:01Z","key":null,"url":null,"subject":null,"status":"new","priority":4,"kind":null,"group":{"id":"Support","name":"Support"},"assignee":null,"requester":null,"organization":null,"brand":null,"project":null,"form":null,"tags":[],"level":1,"product":null,"impact":null,"urgency":null,"tier":null,"language":null,"channel":null,"custom":{},"portal":null,"exposed":null,"created_at":"2027-03-01T09:00:01Z","due_at":null,"sla_breach_at":null,"blocked_by":[]},"merged_into":null,"reason":null,"order":"","siblings":false,"delivery":2}' AS BLOB));
CREATE TABLE examinations (
	site TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (site)
);
CREATE TABLE gaps (
	ref TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	why TEXT NOT NULL, 
	open BOOLEAN NOT NULL, 
	found_at DOUBLE NOT NULL, 
	PRIMARY KEY (ref, at, why)
);
CREATE TABLE looks (
	"row" INTEGER NOT NULL, 
	ref TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	policy TEXT NOT NULL, 
	events BLOB NOT NULL, 
	facts BLOB NOT NULL, 
	decision BLOB NOT NULL, 
	case_before BLOB, calls INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY ("row")
);
INSERT INTO "looks" VALUES(1,'desk/acme/7',1803891601.0,'342b0cb5012e',CAST('["e1.0"]' AS BLOB),CAST('{"adoptive_again":"2027-03-01T09:10:01Z","adoptive_left":20,"fetched":[],"mode":"act","mode_since":"2027-03-01T09:00:00Z","paused":null,"paused_rules":{},"program":"test","turns":{},"used":{}}' AS BLOB),CAST('{"case":{"ref":{"vendor":"desk","site":"acme","id":"7"},"level":2,"level_since":"2027-03-01T09:00:01Z","adopted_at":"2027-03-01T09:00:01Z","newborn":true,"outside":false,"mode":"act","pinned":"342b0cb5012e","ticket":{"ref":{"vendor":"desk","site":"acme","id":"7"},"known":["assignee","created_at","exposed","group","level","priority","status","tags"],"as_of":"2027-03-01T09:00:01Z","key":null,"url":null,"subject":null,"status":"new","priority":4,"kind":null,"group":{"id":"Support","name":"Support"},"assignee":null,"requester":null,"organization":null,"brand":null,"project":null,"form":null,"tags":[],"level":1,"product":null,"impact":null,"urgency":null,"tier":null,"language":null,"channel":null,"custom":{},"portal":null,"exposed":null,"created_at":"2027-03-01T09:00:01Z","due_at":null,"sla_breach_at":null,"blocked_by":[]},"story":{"created_at":"2027-03-01T09:00:01Z","born":true,"whole":false,"statuses":[{"at":"2027-03-01T09:00:01Z","value":"new"}],"reopens":0,"reopened_at":null,"conversation":true,"waiting_since":"2027-03-01T09:00:01Z","last_customer":null,"last_reply":null,"replies":0,"waits":1,"hand_overs":0,"handed_over":[],"owners":[],"agents_said":[],"customer_said":[],"words":[],"taken_at":null,"taken_by":null,"human_at":null,"spoke":{},"requests":[],"tried":[],"since":{"assignee":"2027-03-01T09:00:01Z","group":"2027-03-01T09:00:01Z","level":"2027-03-01T09:00:01Z","priority":"2027-03-01T09:00:01Z","status":"2027-03-01T09:00:01Z"},"times":{},"ours":[],"implied":[],"ended":null,"orders":[],"blocked":[]},"told":["2027-03-01T09:00:01Z","","e1.0"],"fired":{"urgent":{"at":"2027-03-01T09:00:01Z","causes":["priority=urgent#0"]}},"wrote":[],"pending":[{"operation":"526a086bfa29","rule":"urgent","level":2,"level_before":1,"since_before":"2027-03-01T09:00:01Z","at":"2027-03-01T09:00:01Z","causes":[{"id":"priority=urgent#0","since":"2027-03-01T09:00:01Z"}]}],"held":[],"left_by":null,"moves":1,"waiting_since":null,"moved_at":["2027-03-01T09:00:01Z"],"before":[{"level":2,"level_before":1,"values":{"assignee":null,"group":"Support","priority":"urgent"},"mode":"act"}],"calm":{},"wanted":{},"asked":[],"promised":null,"returned":false,"reminded":0,"reviewed":0,"reviewed_at":null},"events":[],"command":{"operation":"526a086bfa29","level":2,"level_before":1,"level_name":"Specialist","take":"ownership","target":{"group":"Experts"},"priority":null,"note":{"lines":[{"spans":[{"text":"▲ Level 2 · Specialist (Experts): please take. Assign yourself, reply or write /ack = taken.","speech":"strong"}],"label":""},{"spans":[{"text":"urgent: priority urgent.","speech":"ours"}],"label":"Why"},{"spans":[{"text":"not recorded · waiting for an answer 0 s, since 09:00 UTC","speech":"ours"}],"label":"Customer"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Problem"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Tried so far"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Last told the customer"},{"spans":[{"text":"level 1 → 2; Support → Experts","speech":"ours"}],"label":"Changed"},{"spans":[{"text":"Stepladder · policy 342b0cb5012e · op 526a086bfa29","speech":"ours"}],"label":""}]},"mode":"act","fallbacks":[],"turn":0,"restore":{}},"observed":null,"next_look":null,"fired":["urgent"],"why":"urgent: priority urgent","trace":[{"rule":"urgent","value":true,"new":true,"outcome":"fires","answers":[{"name":"priority","value":true,"found":"urgent","wanted":"urgent","causes":[{"id":"priority=urgent#0","since":"2027-03-01T09:00:01Z"}],"due":null,"start":null,"on_clock":false,"needs":null,"uncounted":""}]},{"rule":"asked","value":false,"new":false,"outcome":"not so","answers":[]},{"rule":"unanswered","value":false,"new":false,"outcome":"not so","answers":[]}],"given_up":{},"adoptive":false,"notices":[],"warnings":[],"reserves":null}' AS BLOB),CAST('{"ref":{"vendor":"desk","site":"acme","id":"7"},"level":1,"level_since":"2027-03-01T09:00:01Z","adopted_at":null,"newborn":false,"outside":false,"mode":null,"pinned":null,"ticket":{"ref":{"vendor":"desk","site":"acme","id":"7"},"known":[],"as_of":null,"key":null,"url":null,"subject":null,"status":null,"priority":null,"kind":null,"group":null,"assignee":null,"requester":null,"organization":null,"brand":null,"project":null,"form":null,"tags":[],"level":null,"product":null,"impact":null,"urgency":null,"tier":null,"language":null,"channel":null,"custom":{},"portal":null,"exposed":null,"created_at":null,"due_at":null,"sla_breach_at":null,"blocked_by":[]},"story":{"created_at":null,"born":false,"whole":false,"statuses":[],"reopens":0,"reopened_at":null,"conversation":false,"waiting_since":null,"last_customer":null,"last_reply":null,"replies":0,"waits":0,"hand_overs":0,"handed_over":[],"owners":[],"agents_said":[],"customer_said":[],"words":[],"taken_at":null,"taken_by":null,"human_at":null,"spoke":{},"requests":[],"tried":[],"since":{},"times":{},"ours":[],"implied":[],"ended":null,"orders":[],"blocked":[]},"told":null,"fired":{},"wrote":[],"pending":[],"held":[],"left_by":null,"moves":0,"waiting_since":null,"moved_at":[],"before":[],"calm":{},"wanted":{},"asked":[],"promised":null,"returned":false,"reminded":0,"reviewed":0,"reviewed_at":null}' AS BLOB),2);
INSERT INTO "looks" VALUES(2,'desk/acme/8',1803891601.0,'342b0cb5012e',CAST('["e2.0"]' AS BLOB),CAST('{"adoptive_again":"2027-03-01T09:10:01Z","adoptive_left":20,"fetched":[],"mode":"act","mode_since":"2027-03-01T09:00:00Z","paused":null,"paused_rules":{},"program":"test","turns":{},"used":{}}' AS BLOB),CAST('{"case":{"ref":{"vendor":"desk","site":"acme","id":"8"},"level":2,"level_since":"2027-03-01T09:00:01Z","adopted_at":"2027-03-01T09:00:01Z","newborn":true,"outside":false,"mode":"act","pinned":"342b0cb5012e","ticket":{"ref":{"vendor":"desk","site":"acme","id":"8"},"known":["assignee","created_at","exposed","group","level","priority","status","tags"],"as_of":"2027-03-01T09:00:01Z","key":null,"url":null,"subject":null,"status":"new","priority":4,"kind":null,"group":{"id":"Support","name":"Support"},"assignee":null,"requester":null,"organization":null,"brand":null,"project":null,"form":null,"tags":[],"level":1,"product":null,"impact":null,"urgency":null,"tier":null,"language":null,"channel":null,"custom":{},"portal":null,"exposed":null,"created_at":"2027-03-01T09:00:01Z","due_at":null,"sla_breach_at":null,"blocked_by":[]},"story":{"created_at":"2027-03-01T09:00:01Z","born":true,"whole":false,"statuses":[{"at":"2027-03-01T09:00:01Z","value":"new"}],"reopens":0,"reopened_at":null,"conversation":true,"waiting_since":"2027-03-01T09:00:01Z","last_customer":null,"last_reply":null,"replies":0,"waits":1,"hand_overs":0,"handed_over":[],"owners":[],"agents_said":[],"customer_said":[],"words":[],"taken_at":null,"taken_by":null,"human_at":null,"spoke":{},"requests":[],"tried":[],"since":{"assignee":"2027-03-01T09:00:01Z","group":"2027-03-01T09:00:01Z","level":"2027-03-01T09:00:01Z","priority":"2027-03-01T09:00:01Z","status":"2027-03-01T09:00:01Z"},"times":{},"ours":[],"implied":[],"ended":null,"orders":[],"blocked":[]},"told":["2027-03-01T09:00:01Z","","e2.0"],"fired":{"urgent":{"at":"2027-03-01T09:00:01Z","causes":["priority=urgent#0"]}},"wrote":[],"pending":[{"operation":"cb645e5afcfc","rule":"urgent","level":2,"level_before":1,"since_before":"2027-03-01T09:00:01Z","at":"2027-03-01T09:00:01Z","causes":[{"id":"priority=urgent#0","since":"2027-03-01T09:00:01Z"}]}],"held":[],"left_by":null,"moves":1,"waiting_since":null,"moved_at":["2027-03-01T09:00:01Z"],"before":[{"level":2,"level_before":1,"values":{"assignee":null,"group":"Support","priority":"urgent"},"mode":"act"}],"calm":{},"wanted":{},"asked":[],"promised":null,"returned":false,"reminded":0,"reviewed":0,"reviewed_at":null},"events":[],"command":{"operation":"cb645e5afcfc","level":2,"level_before":1,"level_name":"Specialist","take":"ownership","target":{"group":"Experts"},"priority":null,"note":{"lines":[{"spans":[{"text":"▲ Level 2 · Specialist (Experts): please take. Assign yourself, reply or write /ack = taken.","speech":"strong"}],"label":""},{"spans":[{"text":"urgent: priority urgent.","speech":"ours"}],"label":"Why"},{"spans":[{"text":"not recorded · waiting for an answer 0 s, since 09:00 UTC","speech":"ours"}],"label":"Customer"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Problem"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Tried so far"},{"spans":[{"text":"not recorded","speech":"ours"}],"label":"Last told the customer"},{"spans":[{"text":"level 1 → 2; Support → Experts","speech":"ours"}],"label":"Changed"},{"spans":[{"text":"Stepladder · policy 342b0cb5012e · op cb645e5afcfc","speech":"ours"}],"label":""}]},"mode":"act","fallbacks":[],"turn":0,"restore":{}},"observed":null,"next_look":null,"fired":["urgent"],"why":"urgent: priority urgent","trace":[{"rule":"urgent","value":true,"new":true,"outcome":"fires","answers":[{"name":"priority","value":true,"found":"urgent","wanted":"urgent","causes":[{"id":"priority=urgent#0","since":"2027-03-01T09:00:01Z"}],"due":null,"start":null,"on_clock":false,"needs":null,"uncounted":""}]},{"rule":"asked","value":false,"new":false,"outcome":"not so","answers":[]},{"rule":"unanswered","value":false,"new":false,"outcome":"not so","answers":[]}],"given_up":{},"adoptive":false,"notices":[],"warnings":[],"reserves":null}' AS BLOB),CAST('{"ref":{"vendor":"desk","site":"acme","id":"8"},"level":1,"level_since":"2027-03-01T09:00:01Z","adopted_at":null,"newborn":false,"outside":false,"mode":null,"pinned":null,"ticket":{"ref":{"vendor":"desk","site":"acme","id":"8"},"known":[],"as_of":null,"key":null,"url":null,"subject":null,"status":null,"priority":null,"kind":null,"group":null,"assignee":null,"requester":null,"organization":null,"brand":null,"project":null,"form":null,"tags":[],"level":null,"product":null,"impact":null,"urgency":null,"tier":null,"language":null,"channel":null,"custom":{},"portal":null,"exposed":null,"created_at":null,"due_at":null,"sla_breach_at":null,"blocked_by":[]},"story":{"created_at":null,"born":false,"whole":false,"statuses":[],"reopens":0,"reopened_at":null,"conversation":false,"waiting_since":null,"last_customer":null,"last_reply":null,"replies":0,"waits":0,"hand_overs":0,"handed_over":[],"owners":[],"agents_said":[],"customer_said":[],"words":[],"taken_at":null,"taken_by":null,"human_at":null,"spoke":{},"requests":[],"tried":[],"since":{},"times":{},"ours":[],"implied":[],"ended":null,"orders":[],"blocked":[]},"told":null,"fired":{},"wrote":[],"pending":[],"held":[],"left_by":null,"moves":0,"waiting_since":null,"moved_at":[],"before":[],"calm":{},"wanted":{},"asked":[],"promised":null,"returned":false,"reminded":0,"reviewed":0,"reviewed_at":null}' AS BLOB),1);
CREATE TABLE modes (
	site TEXT NOT NULL, 
	mode TEXT NOT NULL, 
	since DOUBLE NOT NULL, 
	PRIMARY KEY (site)
);
INSERT INTO "modes" VALUES('desk/acme','act',1803891600.0);
CREATE TABLE moves (
	"row" INTEGER NOT NULL, 
	site TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	adoptive BOOLEAN NOT NULL, 
	braking BOOLEAN NOT NULL, 
	ref TEXT NOT NULL, level INTEGER, 
	PRIMARY KEY ("row")
);
INSERT INTO "moves" VALUES(1,'desk/acme',1803891601.0,0,1,'desk/acme/7',2);
INSERT INTO "moves" VALUES(2,'desk/acme',1803891601.0,0,1,'desk/acme/8',2);
CREATE TABLE notices (
	"key" TEXT NOT NULL, 
	ref TEXT NOT NULL, 
	site TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	occasion TEXT NOT NULL, 
	state TEXT NOT NULL, 
	open BOOLEAN NOT NULL, 
	created_at DOUBLE NOT NULL, 
	due_at DOUBLE NOT NULL, 
	attempted_at DOUBLE, 
	attempts INTEGER NOT NULL, 
	unanswered INTEGER NOT NULL, 
	settled BLOB NOT NULL, 
	outcome TEXT NOT NULL, 
	body BLOB NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE policies (
	revision TEXT NOT NULL, 
	name TEXT NOT NULL, 
	text TEXT NOT NULL, 
	activated_at DOUBLE NOT NULL, 
	active BOOLEAN NOT NULL, 
	PRIMARY KEY (revision)
);
INSERT INTO "policies" VALUES('342b0cb5012e','Scripted','
version: 1
name: Scripted
applies_to: {desk: {groups: [Support, Experts]}}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}
  - {level: 2, name: Specialist, targets: {desk: {group: Experts}}, priority: {at_least: high}}
  - {level: 3, name: Management, take: oversight, targets: {desk: {followers: [mara]}}, priority: {set: urgent}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}
  - {name: unanswered, when: {unanswered_for: 30m clock}, go_to: 2}

--- # the holidays of this policy, as they were when it was activated
{"always": {}}
',1803891600.0,1);
CREATE TABLE switches (
	scope TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	since DOUBLE NOT NULL, 
	PRIMARY KEY (scope)
);
INSERT INTO "switches" VALUES('rule:asked','a drill',1803891661.0);
CREATE TABLE tickets (
	ref TEXT NOT NULL, 
	due_at DOUBLE, 
	marks INTEGER DEFAULT '0' NOT NULL, 
	revision INTEGER DEFAULT '0' NOT NULL, 
	held BOOLEAN DEFAULT (false) NOT NULL, 
	outside BOOLEAN DEFAULT (false) NOT NULL, 
	"case" BLOB, heard_at DOUBLE, failures INTEGER DEFAULT '0' NOT NULL, trouble TEXT, 
	PRIMARY KEY (ref)
);
INSERT INTO "tickets" VALUES('desk/acme/7',NULL,1,2,0,0,CAST('{"ref":{"vendor":"desk","site":"acme","id":"7"},"level":2,"level_since":"2027-03-01T09:00:01Z","adopted_at":"2027-03-01T09:00:01Z","newborn":true,"outside":false,"mode":"act","pinned":"342b0cb5012e","ticket":{"ref":{"vendor":"desk","site":"acme","id":"7"},"known":["assignee","created_at","exposed","group","level","priority","status","tags"],"as_of":"2027-03-01T09:00:01Z","key":null,"url":null,"subject":null,"status":"new","priority":4,"kind":null,"group":{"id":"Experts","name":"Experts"},"assignee":null,"requester":null,"organization":null,"brand":null,"project":null,"form":null,"tags":[],"level":2,"product":null,"impact":null,"urgency":null,"tier":null,"language":null,"channel":null,"custom":{},"portal":null,"exposed":null,"created_at":"2027-03-01T09:00:01Z","due_at":null,"sla_breach_at":null,"blocked_by":[]},"story":{"created_at":"2027-03-01T09:00:01Z","born":true,"whole":false,"statuses":[{"at":"2027-03-01T09:00:01Z","value":"new"}],"reopens":0,"reopened_at":null,"conversation":true,"waiting_since":"2027-03-01T09:00:01Z","last_customer":null,"last_reply":null,"replies":0,"waits":1,"hand_overs":0,"handed_over":[],"owners":[],"agents_said":[],"customer_said":[],"words":[],"taken_at":null,"taken_by":null,"human_at":null,"spoke":{},"requests":[],"tried":[],"since":{"assignee":"2027-03-01T09:00:01Z","group":"2027-03-01T09:00:01Z","level":"2027-03-01T09:00:01Z","priority":"2027-03-01T09:00:01Z","status":"2027-03-01T09:00:01Z"},"times":{"group=Experts":1,"level=2":1},"ours":["group","level"],"implied":[],"ended":null,"orders":[],"blocked":[]},"told":["2027-03-01T09:00:01Z","","wrote:526a086bfa29/2"],"fired":{"urgent":{"at":"2027-03-01T09:00:01Z","causes":["priority=urgent#0"]}},"wrote":[{"field":"level","value":"2","at":"2027-03-01T09:00:01Z","operation":"526a086bfa29"},{"field":"group","value":"Experts","at":"2027-03-01T09:00:01Z","operation":"526a086bfa29"},{"field":"note","value":"526a086bfa29","at":"2027-03-01T09:00:01Z","operation":"526a086bfa29"},{"field":"level","value":"2","at":"2027-03-01T09:00:01Z","operation":"526a086bfa29"},{"field":"group","value":"Experts","at":"2027-03-01T09:00:01Z","operation":"526a086bfa29"}],"pending":[],"held":[],"left_by":null,"moves":1,"waiting_since":null,"moved_at":["2027-03-01T09:00:01Z"],"before":[{"level":2,"level_before":1,"values":{"assignee":null,"group":"Support","priority":"urgent"},"mode":"act"}],"calm":{},"wanted":{},"asked":[],"promised":null,"returned":false,"reminded":0,"reviewed":0,"reviewed_at":null}' AS BLOB),1803891601.0,0,NULL);
INSERT INTO "tickets" VALUES('desk/acme/8',1803891602.0,1,2,0,0,CAST('{"ref":{"vendor":"desk","site":"acme","id":"8"},"level":2,"level_since":"2027-03-01T09:00:01Z","adopted_at":"2027-03-01T09:00:01Z","newborn":true,"outside":false,"mode":"act","pinned":"342b0cb5012e","ticket":{"ref":{"vendor":"desk","site":"acme","id":"8"},"known":["assignee","created_at","exposed","group","level","priority","status","tags"],"as_of":"2027-03-01T09:00:01Z","key":null,"url":null,"subject":null,"status":"new","priority":4,"kind":null,"group":{"id":"Support","name":"Support"},"assignee":null,"requester":null,"organization":null,"brand":null,"project":null,"form":null,"tags":[],"level":1,"product":null,"impact":null,"urgency":null,"tier":null,"language":null,"channel":null,"custom":{},"portal":null,"exposed":null,"created_at":"2027-03-01T09:00:01Z","due_at":null,"sla_breach_at":null,"blocked_by":[]},"story":{"created_at":"2027-03-01T09:00:01Z","born":true,"whole":false,"statuses":[{"at":"2027-03-01T09:00:01Z","value":"new"}],"reopens":0,"reopened_at":null,"conversation":true,"waiting_since":"2027-03-01T09:00:01Z","last_customer":null,"last_reply":null,"replies":0,"waits":1,"hand_overs":0,"handed_over":[],"owners":[],"agents_said":[],"customer_said":[],"words":[],"taken_at":null,"taken_by":null,"human_at":null,"spoke":{},"requests":[],"tried":[],"since":{"assignee":"2027-03-01T09:00:01Z","group":"2027-03-01T09:00:01Z","level":"2027-03-01T09:00:01Z","priority":"2027-03-01T09:00:01Z","status":"2027-03-01T09:00:01Z"},"times":{},"ours":[],"implied":[],"ended":null,"orders":[],"blocked":[]},"told":["2027-03-01T09:00:01Z","","e2.0"],"fired":{"urgent":{"at":"2027-03-01T09:00:01Z","causes":["priority=urgent#0"]}},"wrote":[{"field":"level","value":"2","at":"2027-03-01T09:00:01Z","operation":"cb645e5afcfc"},{"field":"group","value":"Experts","at":"2027-03-01T09:00:01Z","operation":"cb645e5afcfc"},{"field":"note","value":"cb645e5afcfc","at":"2027-03-01T09:00:01Z","operation":"cb645e5afcfc"}],"pending":[{"operation":"cb645e5afcfc","rule":"urgent","level":2,"level_before":1,"since_before":"2027-03-01T09:00:01Z","at":"2027-03-01T09:00:01Z","causes":[{"id":"priority=urgent#0","since":"2027-03-01T09:00:01Z"}]}],"held":[],"left_by":null,"moves":1,"waiting_since":null,"moved_at":["2027-03-01T09:00:01Z"],"before":[{"level":2,"level_before":1,"values":{"assignee":null,"group":"Support","priority":"urgent"},"mode":"act"}],"calm":{},"wanted":{},"asked":[],"promised":null,"returned":false,"reminded":0,"reviewed":0,"reviewed_at":null}' AS BLOB),1803891601.0,0,NULL);
INSERT INTO "tickets" VALUES('desk/acme/9',1803891661.0,1,0,0,0,NULL,1803891661.0,0,NULL);
CREATE TABLE turns (
	site TEXT NOT NULL, 
	level INTEGER NOT NULL, 
	taken INTEGER NOT NULL, 
	PRIMARY KEY (site, level)
);
INSERT INTO "turns" VALUES('desk/acme',2,2);
CREATE TABLE watches (
	site TEXT NOT NULL, 
	since DOUBLE NOT NULL, 
	watermark DOUBLE NOT NULL, 
	ask_from DOUBLE NOT NULL, 
	asked_at DOUBLE, 
	problem TEXT, 
	PRIMARY KEY (site)
);
CREATE INDEX calls_open ON calls (ref) WHERE open = true;
CREATE INDEX looks_of_ticket ON looks (ref, at);
CREATE INDEX moves_of_site ON moves (site, at, adoptive, braking);
CREATE INDEX tickets_due ON tickets (due_at);
CREATE INDEX arrivals_unread ON arrivals (ref) WHERE read = false;
CREATE INDEX moves_to_level ON moves (level, at);
CREATE INDEX notices_open ON notices (due_at) WHERE open = true;
CREATE INDEX notices_of_ticket ON notices (ref);
COMMIT;
