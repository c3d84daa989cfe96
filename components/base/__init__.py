"""What every component is made with: args, problems, forms, names, resources in wire form."""
