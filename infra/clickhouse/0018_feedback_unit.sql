-- Feedback of kind kpi is a number in a unit: what a request was worth, or how long it took somebody.
ALTER TABLE feedback ${ON_CLUSTER}
  ADD COLUMN IF NOT EXISTS unit LowCardinality(String) COMMENT 'of kind kpi: EUR, minutes, ...' AFTER name;
