"""Telemetry in: HTTPS push, MQTT, Modbus TCP and CSV, all of which become `energy.metering.Sample`."""
