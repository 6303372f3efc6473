package quality

// Printed by tools/golden/degrade.py.
const (
	referencePSNRY = 16.12065769676722
	referencePSNR  = 11.166506492596204
	referenceSSIMY = 0.5414024972882556
)
