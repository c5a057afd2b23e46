BEGIN TRANSACTION;
CREATE TABLE actions (
	id INTEGER NOT NULL, 
	alert_id INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	person VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	outcome VARCHAR, 
	PRIMARY KEY (id), 
	FOREIGN KEY(alert_id) REFERENCES alerts (id)
);
INSERT INTO "actions" VALUES(1,1,1700000002.0,'Amara','accept',NULL);
INSERT INTO "actions" VALUES(2,1,1700000003.0,'Ben','close','distress');
CREATE TABLE alerts (
	id INTEGER NOT NULL, 
	device_id INTEGER, 
	ward VARCHAR NOT NULL, 
	bed VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	anchor VARCHAR NOT NULL, 
	priority VARCHAR NOT NULL, 
	condition VARCHAR NOT NULL, 
	missed BOOLEAN NOT NULL, 
	opened_at DOUBLE NOT NULL, 
	raised_at DOUBLE NOT NULL, 
	ended_at DOUBLE, 
	episodes INTEGER NOT NULL, 
	emotion VARCHAR NOT NULL, 
	peak DOUBLE NOT NULL, 
	level_db DOUBLE, 
	reason VARCHAR NOT NULL, 
	merged_into INTEGER, 
	accepted_by VARCHAR, 
	accepted_at DOUBLE, 
	closed_by VARCHAR, 
	closed_at DOUBLE, 
	outcome VARCHAR, 
	revision INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(device_id) REFERENCES devices (id)
);
INSERT INTO "alerts" VALUES(1,1,'3b','Bed 1','distress','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','medium','present',0,1699999994.0,1700000000.0,NULL,1,'fearful',0.8,-22.0,'frightened, loud',NULL,'Amara',1700000002.0,'Ben',1700000003.0,'distress',7);
CREATE TABLE boots (
	device_id INTEGER NOT NULL, 
	boot_id VARCHAR NOT NULL, 
	origin DOUBLE NOT NULL, 
	PRIMARY KEY (device_id, boot_id), 
	FOREIGN KEY(device_id) REFERENCES devices (id)
);
INSERT INTO "boots" VALUES(1,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',1699999000.0);
CREATE TABLE counters (
	name VARCHAR NOT NULL, 
	value INTEGER NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "counters" VALUES('revision',7);
INSERT INTO "counters" VALUES('cursor',3);
INSERT INTO "counters" VALUES('rejects',2);
CREATE TABLE devices (
	id INTEGER NOT NULL, 
	ward VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	bed VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	status_at DOUBLE NOT NULL, 
	status_reason VARCHAR NOT NULL, 
	microphone VARCHAR NOT NULL, 
	microphone_at DOUBLE NOT NULL, 
	heard_at DOUBLE NOT NULL, 
	model VARCHAR, 
	software VARCHAR, 
	emotion VARCHAR, 
	emotion_at DOUBLE, 
	distress DOUBLE, 
	level_db DOUBLE, 
	outbox INTEGER, 
	due_at DOUBLE, 
	revision INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (ward, name)
);
INSERT INTO "devices" VALUES(1,'3b','bed-1','Bed 1','online',1700000000.0,'started','healthy',1700000000.0,1700000000.0,'simulated 1','0.1.0',NULL,NULL,NULL,NULL,NULL,1700000054.0,4);
CREATE TABLE episodes (
	device_id INTEGER NOT NULL, 
	id VARCHAR NOT NULL, 
	onset_at DOUBLE NOT NULL, 
	last_at DOUBLE NOT NULL, 
	seq INTEGER NOT NULL, 
	ended BOOLEAN NOT NULL, 
	emotion VARCHAR NOT NULL, 
	distress DOUBLE NOT NULL, 
	peak DOUBLE NOT NULL, 
	level_db DOUBLE NOT NULL, 
	reason VARCHAR NOT NULL, 
	received_at DOUBLE NOT NULL, 
	lag_s DOUBLE NOT NULL, 
	alert_id INTEGER, 
	PRIMARY KEY (device_id, id), 
	FOREIGN KEY(device_id) REFERENCES devices (id), 
	FOREIGN KEY(alert_id) REFERENCES alerts (id)
);
INSERT INTO "episodes" VALUES(1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1699999994.0,1700000000.0,4,0,'fearful',0.8,0.8,-22.0,'frightened, loud',1700000000.0,0.0,1);
CREATE TABLE held (
	device_id INTEGER NOT NULL, 
	boot_id VARCHAR NOT NULL, 
	first INTEGER NOT NULL, 
	last INTEGER NOT NULL, 
	PRIMARY KEY (device_id, boot_id, first), 
	FOREIGN KEY(device_id) REFERENCES devices (id)
);
INSERT INTO "held" VALUES(1,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',1,1);
INSERT INTO "held" VALUES(1,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',3,4);
CREATE TABLE processes (
	name VARCHAR NOT NULL, 
	at DOUBLE NOT NULL, 
	working BOOLEAN NOT NULL, 
	since DOUBLE NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "processes" VALUES('ingest',1700000000.0,1,1700000000.0);
CREATE TABLE records (
	id INTEGER NOT NULL, 
	device_id INTEGER NOT NULL, 
	boot_id VARCHAR NOT NULL, 
	seq INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	at DOUBLE NOT NULL, 
	received_at DOUBLE NOT NULL, 
	body VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (device_id, boot_id, seq), 
	FOREIGN KEY(device_id) REFERENCES devices (id)
);
INSERT INTO "records" VALUES(1,1,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',1,'summary',1700000000.0,1700000000.0,'{"id":"00000000000000000000000000000001","seq":1,"seconds":60.0,"speech_s":12.0,"emotions":{"neutral":12},"distress_mean":0.1,"distress_peak":0.2,"level_mean_db":-40.0,"level_peak_db":-30.0,"stamp":{"boot_id":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","time":"2023-11-14T22:13:20.000Z","mono_ms":1000000,"clock_synced":true},"v":1}');
INSERT INTO "records" VALUES(2,1,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',3,'summary',1700000001.0,1700000001.0,'{"id":"00000000000000000000000000000003","seq":3,"seconds":60.0,"speech_s":12.0,"emotions":{"neutral":12},"distress_mean":0.1,"distress_peak":0.2,"level_mean_db":-40.0,"level_peak_db":-30.0,"stamp":{"boot_id":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","time":"2023-11-14T22:13:21.000Z","mono_ms":1001000,"clock_synced":true},"v":1}');
INSERT INTO "records" VALUES(3,1,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',4,'episode',1700000000.0,1700000000.0,'{"id":"00000000000000000000000000000004","seq":4,"episode":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","phase":"onset","emotion":"fearful","distress":0.8,"peak":0.8,"duration_s":6.0,"level_db":-22.0,"reason":"frightened, loud","stamp":{"boot_id":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","time":"2023-11-14T22:13:20.000Z","mono_ms":1000000,"clock_synced":true},"v":1}');
CREATE TABLE rejects (
	id INTEGER NOT NULL, 
	received_at DOUBLE NOT NULL, 
	topic VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	payload BLOB NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "rejects" VALUES(1,1700000004.0,'ser/v1/test/3b/bed-1/song','topic ''ser/v1/test/3b/bed-1/song'' is no device topic; it must be ser/v1/SITE/WARD/DEVICE/KIND',X'00FF');
INSERT INTO "rejects" VALUES(2,1700000004.0,'ser/v1/test/3b/bed-1/song','topic ''ser/v1/test/3b/bed-1/song'' is no device topic; it must be ser/v1/SITE/WARD/DEVICE/KIND',X'00FF');
CREATE INDEX ix_devices_due_at ON devices (due_at);
CREATE INDEX ix_devices_revision ON devices (revision);
CREATE INDEX ix_alerts_revision ON alerts (revision);
CREATE INDEX ix_alerts_device_id ON alerts (device_id);
CREATE INDEX ix_episodes_alert_id ON episodes (alert_id);
CREATE INDEX actions_by_alert ON actions (alert_id);
CREATE TRIGGER actions_never_changed BEFORE UPDATE ON actions BEGIN SELECT RAISE(ABORT, 'actions are append-only'); END;
CREATE TRIGGER actions_never_removed BEFORE DELETE ON actions BEGIN SELECT RAISE(ABORT, 'actions are append-only'); END;
COMMIT;
