"""Money in templates."""

from django import template

from apps.portal.reports import usd

register = template.Library()
register.filter("usd", usd)
