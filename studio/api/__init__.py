"""HTTP: the studio's own job API and the guards before everything that is served."""
