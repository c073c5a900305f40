"""Acquisition functions: what to label next. One method, or one tight family, a file.

Adding a method is adding a file here with a function under ``@register(...)`` (base.py); a
package of its own registers the module that holds it by the entry point ``balent.acquisition``.

References
Woo 2023     J. O. Woo, Active learning in Bayesian neural networks with balanced entropy
             learning principle, ICLR 2023: BalEntAcq, and the definitions of section 2.2
Houlsby 2011 N. Houlsby et al., Bayesian active learning for classification and preference
             learning: BALD
Kirsch 2021  A. Kirsch et al., Stochastic batch acquisition for deep active learning: PowerBALD
Ash 2020     J. T. Ash et al., Deep batch active learning by diverse, uncertain gradient lower
             bounds, ICLR 2020: BADGE
"""
