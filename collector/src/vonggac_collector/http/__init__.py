"""What HTTP itself needs: connections and bodies within their limits, headers that protect, one form of refusals."""
